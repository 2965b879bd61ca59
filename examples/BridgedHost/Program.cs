using System.Net;
using System.Reactive.Linq;
using Examples.BridgedHost;
using Examples.Common;
using Examples.Qos;
using Rx.IotLink;
using Rx.IotLink.Bridge;
using Rx.IotLink.Server;

// A device without a network: its link goes over a serial line to a bridge, and from there to the server. The line is a
// pair of pseudo-terminals that damages bytes. The bridge is a process of its own, which is killed again and again.
if (args is [BridgeProcess.Role, var port])
    return await BridgeProcess.RunAsync(port);

var seed = Choice.Whole("--seed", "Which bytes are damaged, and when the bridge is killed.", 1, 0, int.MaxValue);
var noise = Choice.Whole("--noise", "How many of a million bytes the line loses, doubles or changes.", 500, 0, 20_000);
var kill = Choice.Whole("--kill", "Seconds between two deaths of the bridge, on average; 0: it lives.", 4, 0, 3_600);
var every = Choice.Whole("--every", "Milliseconds between two lines.", 20, 1, 60_000);
var timeout = TimeSpan.FromSeconds(1);

return await Stage.PlayAsync(args, "Each line once, in both directions, over a bad serial line and a bridge that dies.", 20, async stage =>
{
    if (!OperatingSystem.IsLinux())
        return await Stage.RefuseAsync("This example needs the pseudo-terminals of Linux.");
    var voice = new Voice(stage);
    using var cable = new SerialCable(stage.Get(seed), stage.Get(noise) / 1_000_000.0);
    await using var running = new Parts();
    var server = running.Add(await IotLinkServer.StartAsync(new() { Port = 0, Bind = IPAddress.Loopback, Timeout = timeout }));
    var bridge = running.Add(new BridgeProcess(cable.Right));
    var transport = running.Add(BridgeTransport.Start(new() { Wire = new SerialTransport(cable.Left), Host = "127.0.0.1", Port = server.EndPoint.Port }));
    var host = running.Add(IotLinkClient.Start(new()
    {
        Host = "127.0.0.1",
        Port = server.EndPoint.Port,
        Id = "bridged-host",
        Timeout = timeout,
        Transport = transport,
        BackOff = new() { Initial = TimeSpan.FromMilliseconds(100), Cap = TimeSpan.FromSeconds(1) },
    }));
    var application = await server.WaitForAsync("bridged-host");

    var interval = TimeSpan.FromMilliseconds(stage.Get(every));
    var up = new Traffic(host, application, interval, stage);
    var down = new Traffic(application, host, interval, stage);
    var random = new Random(stage.Get(seed));
    var deaths = stage.Get(kill) == 0
        ? Observable.Never<long>()
        : Observable.Defer(() => Observable.Timer(TimeSpan.FromSeconds(stage.Get(kill) * (0.5 + random.NextDouble())), stage.Scheduler)).Repeat();

    using (transport.Status.Skip(1).Subscribe(status => voice.Say("host", status.ToString(), status.State == BridgeState.Connected ? Mood.Good : Mood.Calm)))
    using (application.State.Skip(1).Subscribe(state => voice.Say("server", state.ToString(), state.IsUp ? Mood.Good : Mood.Calm)))
    using (deaths.Subscribe(_ =>
    {
        bridge.KillAndStart();
        voice.Say("bridge", "killed, and another one started", Mood.Bad);
    }))
    using (Observable.Interval(TimeSpan.FromSeconds(5), stage.Scheduler).Subscribe(_ => Tell(voice, up, down, sum => sum.SoFar)))
        await stage.WaitAsync();

    // No more deaths and no new lines, on a good cable: what was written arrives now, if it has not yet.
    cable.Noise = 0;
    var finished = await stage.FinishAsync("not everything was delivered", Task.WhenAll(up.Written, down.Written));
    Tell(voice, up, down, sum => $"sums: {sum}");
    var wire = transport.Counters;
    voice.Say("wire", $"{cable.Damaged} of {cable.Carried} bytes damaged, {wire.BadFrames} bad frames, {wire.Repeated} frames sent again by the host, the bridge was killed {bridge.Deaths} times");
    var flawless = finished && up.Tally.Sum().IsFlawless && down.Tally.Sum().IsFlawless;
    voice.Say("verdict", $"{application.Counters.Outages} outages: {(flawless ? "each line once, in order" : "FAILED")}", flawless ? Mood.Good : Mood.Bad);
    return flawless ? 0 : 1;
}, seed, noise, kill, every);

static void Tell(Voice voice, Traffic up, Traffic down, Func<Sum, string> words)
{
    voice.Say("up", words(up.Tally.Sum()));
    voice.Say("down", words(down.Tally.Sum()));
}
