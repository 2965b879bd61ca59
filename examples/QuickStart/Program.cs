using System.Net;
using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;
using QuickStart;
using QuickStart.Machine;
using QuickStart.Outages;
using QuickStart.Screen;
using Rx.IotLink;
using Rx.IotLink.Server;

// Four devices send readings of this machine to a server, which sends them commands, over connections that break again
// and again. At the end every line is counted.
return await Settings.RunAsync(args, async (settings, cancellation) =>
{
    var scheduler = DefaultScheduler.Instance;
    var stopwatch = scheduler.StartStopwatch();
    var sensors = ThisMachine.Sensors(stopwatch);
    using var books = new Books([.. sensors.Select(sensor => sensor.Name)], stopwatch);
    using var over = new Subject<Unit>();
    Page.Say($"{sensors.Count} devices, {settings.Length.TotalSeconds} s of faults, --seed {settings.Seed}, protocol {settings.Protocol}{(settings.Protocol == 2 ? " with a key for each device" : "")}");

    // 1. A server, on a free port of this machine. It holds one link for each device, for good; connections come and go
    // underneath. Each device has a
    //    key: both ends prove that they know it. (Protocol 1 has no keys; there anyone may be anyone.)
    var keys = DeviceKeys.Parse(sensors.Select(sensor => $"{sensor.Name} {DeviceKeys.NewKey()}"));
    Func<string, ReadOnlyMemory<byte>?>? keyOf = settings.Protocol == 2 ? keys.Find : null;
    await using var server = await IotLinkServer.StartAsync(new IotLinkServerOptions { Bind = IPAddress.Loopback, Port = 0, Timeout = Demo.Timeout, KeyOf = keyOf }, cancellation);
    using var watching = server.Links.Subscribe(link => books.Ledger.Watch(link, End.Server));

    // 2. What the server makes of its devices' lines: see Fleet.cs. What arrives is written down for the checker.
    var fleet = new Fleet(server.Links, stopwatch, scheduler);
    using var receiving = fleet.Arrivals.Subscribe(arrival => books.ToServer[arrival.Device].Received(arrival.Reading.N));

    // 3. The commands to its devices. An outage is not an error: the line is only accepted later.
    var commands = fleet.Lamps
        .TakeUntil(over)
        .Select(lamp => (lamp.Link, Lines: books.ToDevice[lamp.Link.Id], lamp.IsLit))
        .Select(lamp => (lamp.Link, lamp.Lines, Command: new Command(lamp.Lines.Write(), lamp.IsLit)))
        .SelectMany(lamp => lamp.Link.Write(lamp.Command.ToLine()).Do(_ => lamp.Lines.Accepted(lamp.Command.N)))
        .LastOrDefaultAsync()
        .ToTask();

    // 4. The devices, each behind a proxy that breaks its connections: see Device.cs and Site.cs.
    await using var sites = new Sites(sensors.Select((sensor, i) => new Site(sensor, server.EndPoint, books, (settings.Seed * 397) + i, settings.Protocol, keyOf?.Invoke(sensor.Name), over, stopwatch, scheduler)));

    // 5. Watch it until the time is up.
    var until = settings.Until(scheduler, cancellation);
    if (settings.Plain || !LiveScreen.Fits)
        await PlainScreen.ShowAsync(fleet, books, sensors, stopwatch, until);
    else
        await LiveScreen.ShowAsync(fleet, books, [.. sites.Devices], stopwatch, until, scheduler);

    // 6. No more faults and no new lines. What was written before arrives now, if it has not yet.
    sites.EndFaults();
    over.OnNext(Unit.Default);
    Page.Say($"The faults are over; {books.Undelivered} lines are on their way.");
    IReadOnlyList<ILink> links = [.. sites.Devices.Select(device => device.Link), .. sensors.Select(sensor => server.Find(sensor.Name)).OfType<ILink>()];
    await Drain.WaitAsync([commands, .. sites.Devices.Select(device => device.Written)], links, scheduler);

    // 7. Count.
    return Sums.Print(books, await books.Ledger.CloseAsync(), links, settings.Seed);
});
