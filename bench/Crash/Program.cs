using System.CommandLine;
using System.Globalization;
using System.Reactive.Linq;
using Crash;
using Crash.Ends;

var folder = new Argument<string>("folder") { Description = "Where the files of the end are." };
var port = new Argument<int>("port") { Description = "Where the server listens." };
var ids = new Argument<string[]>("ids") { Description = "The devices.", Arity = ArgumentArity.OneOrMore };
var drain = new Option<bool>("--drain") { Description = "Writes nothing new." };

var server = new Command("server", "The server, as the run starts it.") { folder, port, ids, drain };
server.SetAction((parsed, _) => new EndProgram(parsed.GetRequiredValue(folder), parsed.GetValue(drain)).RunServerAsync(parsed.GetValue(port), parsed.GetRequiredValue(ids)));
var device = new Command("device", "A device, as the run starts it.") { folder, port, ids, drain };
device.SetAction((parsed, _) => new EndProgram(parsed.GetRequiredValue(folder), parsed.GetValue(drain)).RunDeviceAsync(parsed.GetValue(port), parsed.GetRequiredValue(ids)[0]));

var kills = new Option<int>("--kills") { Description = "How often the server is killed, and how often the devices are, all together.", DefaultValueFactory = _ => 2_000 };
var devices = new Option<int>("--devices") { Description = "How many devices there are.", DefaultValueFactory = _ => 2 };
var servers = new Option<int>("--servers") { Description = "How many servers with such devices are killed side by side.", DefaultValueFactory = _ => 1 };
var minutes = new Option<int>("--minutes") { Description = "Ends after so many minutes at the latest.", DefaultValueFactory = _ => 1_440 };
var seed = new Option<int?>("--seed") { Description = "Which moments and which faults. Default: a new seed." };
var keep = new Option<string?>("--folder") { Description = "Where all files are, and stay. Default: a new folder, which is deleted when all is good." };
var command = new RootCommand("Kills a server and its devices (SIGKILL) at random moments, and counts what is lost, repeated or out of order in their tables.")
{
    kills, devices, servers, minutes, seed, keep, server, device,
};
command.SetAction((parsed, cancellation) => RunAsync(
    new CrashPlan
    {
        Kills = parsed.GetValue(kills),
        Devices = parsed.GetValue(devices),
        Length = TimeSpan.FromMinutes(parsed.GetValue(minutes)),
        Seed = parsed.GetValue(seed) ?? Random.Shared.Next(100_000),
        Folder = parsed.GetValue(keep) ?? Directory.CreateTempSubdirectory("iotlink-crash-").FullName,
    },
    parsed.GetValue(servers),
    isKept: parsed.GetValue(keep) is not null,
    cancellation));
return await command.Parse(args).InvokeAsync();

static async Task<int> RunAsync(CrashPlan plan, int servers, bool isKept, CancellationToken cancellation)
{
    var runs = plan.Split(servers).Select(part => new CrashRun(part)).ToArray();
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"{plan.Kills} kills of {servers} servers and of {plan.Devices * servers} devices, --seed {plan.Seed}, in {plan.Folder}"));
    using var telling = Observable.Interval(TimeSpan.FromSeconds(30)).Subscribe(_ => Tell());
    try
    {
        using var broken = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var verdicts = runs.Select(run => run.RunAsync(broken.Token)).ToArray();
        // One that fails ends the others.
        await foreach (var one in Task.WhenEach(verdicts))
        {
            if (!one.IsCompletedSuccessfully)
                await broken.CancelAsync();
        }

        var all = await Task.WhenAll(verdicts);
        var (toServers, toDevices) = (all.Select(v => v.ToServer).Aggregate((a, b) => a + b), all.Select(v => v.ToDevices).Aggregate((a, b) => a + b));
        Tell();
        Console.WriteLine($"to the servers: {toServers}");
        Console.WriteLine($"to the devices: {toDevices}");
        if (!toServers.IsGood || !toDevices.IsGood)
            return Bad();
        Console.WriteLine("GOOD");
        if (!isKept)
            Directory.Delete(plan.Folder, recursive: true);
        return 0;
    }
    catch (InvalidOperationException e)
    {
        Console.WriteLine(e.Message);
        return Bad();
    }
    catch (OperationCanceledException)
    {
        return 130;
    }

    void Tell() => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"killed: servers {runs.Sum(run => run.ServerKills)}, devices {runs.Sum(run => run.DeviceKills)}; faults {runs.Sum(run => run.FaultsDone)}"));

    int Bad()
    {
        Console.WriteLine($"BAD: the files are in {plan.Folder}");
        return 1;
    }
}
