using System.Net;
using System.Reactive.Linq;
using Examples.Common;
using Examples.Qos;
using Rx.IotLink;
using Rx.IotLink.Server;
using Rx.IotLink.Testing.Tcp;

// Numbered lines in both directions, through a proxy that breaks the connection again and again, and a count of what
// became of each. Runs for the given time.
var seed = Choice.Whole("--seed", "Which faults, and when.", 1, 0, int.MaxValue);
var protocol = Choice.OneOf("--protocol", "The wire protocol.", "2", "1");
var every = Choice.Whole("--every", "Milliseconds between two lines.", 20, 1, 60_000);
var timeout = TimeSpan.FromMilliseconds(500);

return await Stage.PlayAsync(args, "Each line once, in both directions, whatever the connection does.", 20, async stage =>
{
    var voice = new Voice(stage);
    await using var running = new Parts();
    var server = running.Add(await IotLinkServer.StartAsync(new() { Port = 0, Bind = IPAddress.Loopback, Timeout = timeout, Expected = ["qos"] }));
    var proxy = running.Add(FaultProxy.Start(server.EndPoint));
    var device = running.Add(IotLinkClient.Start(new()
    {
        Host = "127.0.0.1",
        Port = proxy.EndPoint.Port,
        Id = "qos",
        Timeout = timeout,
        Protocol = stage.Get(protocol) == "1" ? 1 : 2,
        BackOff = new() { Initial = TimeSpan.FromMilliseconds(100), Cap = TimeSpan.FromSeconds(1) },
    }));
    var application = await server.WaitForAsync("qos");

    var interval = TimeSpan.FromMilliseconds(stage.Get(every));
    var up = new Traffic(device, application, interval, stage);
    var down = new Traffic(application, device, interval, stage);

    using (proxy.Faults.Subscribe(fault => voice.Say("proxy", fault.Fault.Name, Mood.Bad)))
    using (application.State.Skip(1).Subscribe(state => voice.Say("server", state.ToString(), state.IsUp ? Mood.Good : Mood.Calm)))
    using (FaultSchedule.Run(proxy, stage.Get(seed), new TcpFaultMix(), stage.Scheduler).Subscribe())
    using (Observable.Interval(TimeSpan.FromSeconds(5), stage.Scheduler).Subscribe(_ => Tell(voice, up, down, sum => sum.SoFar)))
        await stage.WaitAsync();

    // No more faults and no new lines: what was written arrives now, if it has not yet.
    proxy.Heal();
    var finished = await stage.FinishAsync("not everything was delivered", Task.WhenAll(up.Written, down.Written));
    Tell(voice, up, down, sum => $"sums: {sum}");
    var flawless = finished && up.Tally.Sum().IsFlawless && down.Tally.Sum().IsFlawless;
    voice.Say("verdict", $"{application.Counters.Outages} outages, {device.Counters.LinesRepeated + application.Counters.LinesRepeated} lines sent again underneath: {(flawless ? "each line once, in order" : "FAILED")}", flawless ? Mood.Good : Mood.Bad);
    return flawless ? 0 : 1;
}, seed, protocol, every);

static void Tell(Voice voice, Traffic up, Traffic down, Func<Sum, string> words)
{
    voice.Say("up", words(up.Tally.Sum()));
    voice.Say("down", words(down.Tally.Sum()));
}
