using System.CommandLine;
using Rx.IotLink;
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

return await new RootCommand("Session stores: how fast they are, and what they keep when their process is killed.") { speed, stream, hold }.Parse(args).InvokeAsync();

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
