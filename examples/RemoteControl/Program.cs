using System.CommandLine;
using System.Net;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Examples.Common;
using Examples.RemoteControl;
using Rx.IotLink;
using Rx.IotLink.Server;

// One device controls another through the server: a key press here lights a lamp there. Without options all three are
// in this process; with --role each may be on a machine of its own.
const int DefaultPort = 8_123;
var role = Choice.OneOf("--role", "Which part to play.", "all", "server", "button", "lamp");
var host = new Option<string>("--host") { Description = "Where the button and the lamp find the server.", DefaultValueFactory = _ => "127.0.0.1" };
var port = Choice.Whole("--port", "The server's port; 0 is any free one, where all is in one process. Default: 8123, or 0 in one process.", null, 0, 65_535);

return await Stage.PlayAsync(args, "A key press at one device lights a lamp at another.", 20, async stage =>
{
    var voice = new Voice(stage);
    var part = stage.Get(role);
    var serverPort = stage.Get(port) ?? (part == "all" ? 0 : DefaultPort);
    if (part is "button" or "lamp" && serverPort == 0)
        return await Stage.RefuseAsync($"--port must be the server's, 1 to 65535, with --role {part}; it was 0.");
    await using var running = new Parts();

    if (part is "all" or "server")
    {
        var server = running.Add(await IotLinkServer.StartAsync(new() { Port = serverPort, Bind = part == "all" ? IPAddress.Loopback : IPAddress.IPv6Any, Expected = ["button", "lamp"] }));
        serverPort = server.EndPoint.Port;
        voice.Say("server", $"listens on {server.EndPoint}");
        // The whole application: it sends the lines of the button to the lamp. An outage of either delays it, and loses
        // nothing.
        running.Add(server.WaitForAllAsync().ToObservable().Subscribe(links => links["button"].Lines.Subscribe(links["lamp"].Writer)));
        running.Add(server.ObserveConnections().Subscribe(device => voice.Say("server", $"{device.Id} is {(device.IsUp ? "up" : "not up")}", device.IsUp ? Mood.Good : Mood.Bad)));
    }

    if (part is "all" or "lamp")
    {
        var lamp = running.Add(IotLinkClient.Start(new() { Host = stage.Get(host), Port = serverPort, Id = "lamp" }));
        running.Add(lamp.Lines.FromJson<Press>().Subscribe(press => Lamp.Draw(stage, voice, press, oneClock: part == "all")));
    }

    if (part is "all" or "button")
    {
        var button = running.Add(IotLinkClient.Start(new() { Host = stage.Get(host), Port = serverPort, Id = "button" }));
        var keys = Keyboard.Presses(stage);
        voice.Say("button", Keyboard.IsThere ? "press any key; q ends it" : "no keyboard: it presses itself");
        running.Add(keys.Scan(false, (lit, _) => !lit)
            .Select(lit => new Press(lit, stage.Stopwatch.Elapsed.TotalMilliseconds).ToJson())
            .Subscribe(button.Writer));
        await Task.WhenAny(stage.WaitAsync(), keys.LastOrDefaultAsync().ToTask());
    }
    else
    {
        await stage.WaitAsync();
    }

    return 0;
}, role, host, port);
