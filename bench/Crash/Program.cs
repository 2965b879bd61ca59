using System.CommandLine;
using System.Globalization;
using System.Reactive.Linq;
using Crash;
using Crash.Ends;
using Examples.Cluster;

var folder = new Argument<string>("folder") { Description = "Where the files of the end are." };
var port = new Argument<int>("port") { Description = "Where the server listens." };
var ids = new Argument<string[]>("ids") { Description = "The devices.", Arity = ArgumentArity.OneOrMore };
var drain = new Option<bool>("--drain") { Description = "Writes nothing new." };
var take = new Option<HowTaken>("--take")
{
    Description = "How both ends take what arrives: into a table that has the names of lines; or with Process, in one transaction with the position "
        + "of the device, in a file of its own or in that of the store; or the server as a consumer of the fleet's inbox. Plain, which is wrong, must be found out.",
};
var postgres = new Option<string?>("--postgres") { Description = "The database of the server's store." };
var schema = new Option<string>("--schema") { Description = "Its schema there.", DefaultValueFactory = _ => "iotlink" };

var server = new Command("server", "The server, as the run starts it.") { folder, port, ids, take, drain, postgres, schema };
server.SetAction((parsed, _) => End(parsed).RunServerAsync(
    parsed.GetValue(port), parsed.GetValue(postgres) is { } database ? (database, parsed.GetRequiredValue(schema)) : null, parsed.GetRequiredValue(ids)));
var device = new Command("device", "A device, as the run starts it.") { folder, port, ids, take, drain };
device.SetAction((parsed, _) => End(parsed).RunDeviceAsync(parsed.GetValue(port), parsed.GetRequiredValue(ids)[0]));

var kills = new Option<int>("--kills") { Description = "How often the server is killed, and how often the devices are, all together.", DefaultValueFactory = _ => 2_000 };
var devices = new Option<int>("--devices") { Description = "How many devices there are.", DefaultValueFactory = _ => 2 };
var servers = new Option<int>("--servers") { Description = "How many servers with such devices are killed side by side.", DefaultValueFactory = _ => 1 };
var minutes = new Option<int>("--minutes") { Description = "Ends after so many minutes at the latest.", DefaultValueFactory = _ => 1_440 };
var seed = new Option<int?>("--seed") { Description = "Which moments and which faults. Default: a new seed." };
var store = new Option<ServerStore>("--store") { Description = "Where the server keeps its memory. A PostgreSQL is started for it." };
var keep = new Option<string?>("--folder") { Description = "Where all files are, and stay. Default: a new folder, which is deleted when all is good." };
var command = new RootCommand("Kills a server and its devices (SIGKILL) at random moments, and counts what is lost, repeated or out of order in their tables.")
{
    kills, devices, servers, store, take, minutes, seed, keep, server, device,
};
command.SetAction((parsed, cancellation) => RunAsync(
    new CrashPlan
    {
        Kills = parsed.GetValue(kills),
        Devices = parsed.GetValue(devices),
        Taken = parsed.GetValue(take),
        Length = TimeSpan.FromMinutes(parsed.GetValue(minutes)),
        Seed = parsed.GetValue(seed) ?? Random.Shared.Next(100_000),
        Folder = parsed.GetValue(keep) ?? Directory.CreateTempSubdirectory("iotlink-crash-").FullName,
    },
    parsed.GetValue(servers),
    parsed.GetValue(store),
    isKept: parsed.GetValue(keep) is not null,
    cancellation));
return await command.Parse(args).InvokeAsync();

EndProgram End(ParseResult parsed) => new(parsed.GetRequiredValue(folder), parsed.GetValue(take), parsed.GetValue(drain));

static async Task<int> RunAsync(CrashPlan plan, int servers, ServerStore store, bool isKept, CancellationToken cancellation)
{
    if (store == ServerStore.Postgres && plan.Taken == HowTaken.Fleet)
    {
        Console.WriteLine("The table is in the server's store here, and must be SQLite's. examples/Cluster kills consumers of PostgreSQL.");
        return 2;
    }

    await using var postgres = store == ServerStore.Postgres ? await Postgres.TryStartAsync(cancellation) : null;
    if (store == ServerStore.Postgres && postgres is null)
    {
        Console.WriteLine("PostgreSQL is not on this machine: 'apt-get install postgresql' installs it on Debian and Ubuntu.");
        return 2;
    }

    plan = plan with { Postgres = postgres?.ConnectionString };
    var runs = plan.Split(servers).Select(part => new CrashRun(part)).ToArray();
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"{plan.Kills} kills of {servers} servers and of {plan.Devices * servers} devices, --store {store} --take {plan.Taken} --seed {plan.Seed}, in {plan.Folder}"));
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
