using System.Net;
using System.Reactive.Linq;
using Examples.Common;
using Examples.Fleet;
using Rx.IotLink.Server;
using Rx.IotLink.Testing.Tcp;

// Four devices report to a server, where each has an application object of its own. After a third of the time the Wi-Fi
// of device 3 goes for a while.
string[] ids = ["1", "2", "3", "4"];
var port = Choice.Whole("--port", "The server's port; 0 is any free one.", 0, 0, 65_535);
var count = Choice.Whole("--devices", "How many devices run in this process. The others may be real ones, with the ids 1 to 4.", ids.Length, 0, ids.Length);

return await Stage.PlayAsync(args, "Four devices, and an application object for each.", 15, async stage =>
{
    var voice = new Voice(stage);
    await using var running = new Parts();

    // 1. The server. Real devices come from elsewhere, so it listens to all if any of them is real.
    var all = stage.Get(count) == ids.Length;
    var server = running.Add(await IotLinkServer.StartAsync(new() { Port = stage.Get(port), Bind = all ? IPAddress.Loopback : IPAddress.IPv6Any, Expected = ids }));
    voice.Say("server", $"listens on {server.EndPoint}");

    // 2. An application object for each device that is expected.
    var applications = ids.ToDictionary(id => id, id => running.Add(new Application(id, voice)), StringComparer.Ordinal);
    var starting = applications.Values.Select(application => application.StartAsync(server)).ToList();

    // 3. The devices. That of number 3 is behind a proxy, which takes its Wi-Fi away.
    var wifi = running.Add(FaultProxy.Start(server.EndPoint));
    var devices = ids.Take(stage.Get(count)).ToDictionary(id => id, id => running.Add(new DeviceProgram(id, id == "3" ? wifi.EndPoint.Port : server.EndPoint.Port, stage)), StringComparer.Ordinal);
    if (devices.ContainsKey("3") && stage.Length is { } length)
    {
        running.Add(Observable.Timer(length / 3, stage.Scheduler).Subscribe(_ =>
        {
            voice.Say("wifi 3", "is gone", Mood.Bad);
            wifi.Stall(lasting: length / 4);
        }));
    }

    // 4. Watch it until the time is up.
    await Board.ShowAsync(stage, voice, server, devices);

    // 5. Each device writes what it has still to say, and leaves.
    foreach (var device in devices.Values)
        await device.DisposeAsync();
    foreach (var (id, application) in applications)
        voice.Say($"app {id}", $"{application.Reports} reports, {application.Missing} missing, {server.Find(id)?.Counters.Outages ?? 0} outages", application.Missing == 0 ? Mood.Good : Mood.Bad);
    return applications.Values.All(application => application.Missing == 0) && starting.Take(devices.Count).All(start => start.IsCompletedSuccessfully) ? 0 : 1;
}, port, count);
