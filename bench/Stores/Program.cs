using System.CommandLine;
using Rx.IotLink;
using Rx.IotLink.Nats;
using Rx.IotLink.Sqlite;
using Stores;

var file = new Argument<string>("file") { Description = "The store's file." };
var durability = new Option<SqliteDurability>("--durability") { Description = "When a batch counts as kept.", DefaultValueFactory = _ => SqliteDurability.Full };
var devices = new Option<int>("--devices") { Description = "How many devices share the store.", DefaultValueFactory = _ => 16 };
var lines = new Option<int>("--lines") { Description = "How many lines are written.", DefaultValueFactory = _ => 1_000_000 };
var bytes = new Option<int>("--bytes") { Description = "How long a line is.", DefaultValueFactory = _ => 32 };

var speed = new Command("speed", "Measures writing, claiming, reading, removing, opening and copying. The file must be new.") { file, durability, devices, lines, bytes };
speed.SetAction((parsed, cancelled) => RunAsync(() => Speed.RunAsync(
    new() { Path = parsed.GetRequiredValue(file), Durability = parsed.GetValue(durability) },
    parsed.GetValue(devices), parsed.GetValue(lines), parsed.GetValue(bytes), cancelled)));

var stream = new Command("stream", "Writes batches until it is killed, and prints the number of each one that is kept.") { file, durability, devices };
stream.SetAction((parsed, cancelled) => RunAsync(() => BatchStream.RunAsync(
    new() { Path = parsed.GetRequiredValue(file), Durability = parsed.GetValue(durability) }, parsed.GetValue(devices), Console.Out, cancelled)));

var hold = new Command("hold", "Opens a store, says so, and keeps it until its standard input ends.") { file };
hold.SetAction((parsed, cancelled) => RunAsync(async () =>
{
    await using var store = SqliteSessionStore.Open(parsed.GetRequiredValue(file));
    await Console.Out.WriteLineAsync("open");
    _ = await Console.In.ReadToEndAsync(cancelled);
}));

var url = new Argument<string>("url") { Description = "The servers of NATS." };
var consumer = new Argument<string>("consumer") { Description = "The name of the consumer." };
var consume = new Command("consume", "Prints the lines of a fleet in NATS as its handler begins them. A line 'hold' is held until the standard input ends.") { url, consumer };
consume.SetAction((parsed, cancelled) => RunAsync(async () =>
{
    // The console blocks whoever reads it.
    var over = Task.Run(Console.In.ReadToEnd, cancelled);
    await using var store = await NatsSessionStore.OpenAsync(new NatsSessionStoreOptions { Url = parsed.GetRequiredValue(url), Inbox = true });
    await using var running = store.Fleet.Process(parsed.GetRequiredValue(consumer), async (line, _) =>
    {
        await Console.Out.WriteLineAsync(line.Text);
        if (line.Text == "hold")
            await over;
    }, new FleetConsumerOptions { Lease = TimeSpan.FromSeconds(3) });
    _ = await over;
}));

return await new RootCommand("Session stores: how fast they are, and what they keep when their process is killed.") { speed, stream, hold, consume }.Parse(args).InvokeAsync();

static async Task<int> RunAsync(Func<Task> work)
{
    try
    {
        await work();
        return 0;
    }
    catch (SessionStoreException e)
    {
        await Console.Error.WriteLineAsync($"{e.Fault}: {e.Message}");
        return 2;
    }
    catch (OperationCanceledException)
    {
        return 130;
    }
}
