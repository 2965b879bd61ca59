using System.Globalization;
using System.Net;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Examples.Common;
using Rx.IotLink;
using Rx.IotLink.Server;

// How fast exactly once is: lines that are written one at a time, each awaited, and lines that are written while others
// are on their way. In both directions at once.
var together = Choice.Whole("--together", "How many writes are under way at a time.", 64, 2, 1_000);

return await Stage.PlayAsync(args, "Concurrent writes, exactly once and in order.", 6, async stage =>
{
    var voice = new Voice(stage);
    await using var running = new Parts();
    var server = running.Add(await IotLinkServer.StartAsync(new() { Port = 0, Bind = IPAddress.Loopback, Expected = ["fast"] }));
    var device = running.Add(IotLinkClient.Start(new() { Host = "127.0.0.1", Port = server.EndPoint.Port, Id = "fast" }));
    var application = await server.WaitForAsync("fast");

    var (up, down) = (new Tally(), new Tally());
    using var receivingUp = application.Lines.Subscribe(line => up.Receive(Number(line)));
    using var receivingDown = device.Lines.Subscribe(line => down.Receive(Number(line)));

    // Half of the time one at a time, the other half many, from when all is there.
    var half = (stage.Length ?? TimeSpan.FromSeconds(6)) / 2;
    var rates = new List<double>();
    foreach (var writes in new[] { 1, stage.Get(together) })
    {
        var (before, started) = (up.Sum().Accepted + down.Sum().Accepted, stage.Stopwatch.Elapsed);
        var over = Observable.Timer(half, stage.Scheduler).Select(_ => 0).Merge(stage.Enough.Select(_ => 0)).Take(1).ToTask();
        await Task.WhenAll(WriteAsync(device, up, writes, over), WriteAsync(application, down, writes, over));
        rates.Add((up.Sum().Accepted + down.Sum().Accepted - before) / (stage.Stopwatch.Elapsed - started).TotalSeconds);
        voice.Say("rate", $"{writes,4} at a time: {rates[^1].ToString("N0", CultureInfo.InvariantCulture)} lines a second, both directions together");
    }

    voice.Say("rate", $"{rates[1] / rates[0]:F1} times as many");
    voice.Say("up", $"sums: {up.Sum()}", up.Sum().IsFlawless ? Mood.Good : Mood.Bad);
    voice.Say("down", $"sums: {down.Sum()}", down.Sum().IsFlawless ? Mood.Good : Mood.Bad);
    return up.Sum().IsFlawless && down.Sum().IsFlawless ? 0 : 1;
}, together);

// As many writers as writes shall be under way, each awaiting its own. Line numbers are taken and lines written in the
// same order.
static Task WriteAsync(ILink link, Tally tally, int writes, Task over)
{
    var gate = new Lock();
    return Task.WhenAll(Enumerable.Range(0, writes).Select(async _ =>
    {
        while (!over.IsCompleted)
        {
            Task accepted;
            lock (gate)
                accepted = link.WriteAsync(tally.Write().ToString(CultureInfo.InvariantCulture));
            await accepted;
            tally.Accept();
        }
    }));
}

static long Number(string line) => long.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1;
