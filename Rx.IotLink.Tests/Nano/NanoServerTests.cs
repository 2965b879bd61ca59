using System.Globalization;
using System.Net;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink;
using Rx.IotLink.Nano;
using Rx.IotLink.Server;
using Rx.IotLink.Testing.Tcp;
using DeviceStatus = Rx.IotLink.Nano.LinkStatus;

namespace NanoTests;

/// <summary>The device's sources, with real sockets, against the real server.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class NanoServerTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(n => (byte)n)];

    [Test]
    public async Task Lines_go_both_ways_once_and_in_order()
    {
        await using var server = await ServeAsync();
        var device = new Device();
        using var client = device.Start(Options(server.EndPoint.Port));
        var link = await server.WaitForAsync("pump-1").WaitAsync(Soon.Bound);
        var received = Collect(link);

        var writes = Enumerable.Range(1, 300).Select(n => link.WriteAsync(Down(n))).ToList();
        foreach (var n in Enumerable.Range(1, 300))
            Assert.That(client.Write(Up(n), 40_000), Is.EqualTo(WriteResult.Taken));
        Assert.That(client.Drain(40_000), Is.True);
        await Task.WhenAll(writes).WaitAsync(Soon.Bound);

        Assert.Multiple(() =>
        {
            Assert.That(received(), Is.EqualTo(Enumerable.Range(1, 300).Select(Up)));
            Assert.That(device.Received, Is.EqualTo(Enumerable.Range(1, 300).Select(Down)));
            Assert.That(client.Counters.LinesAccepted, Is.EqualTo(300));
            Assert.That(client.Outbox, Is.Zero);
        });
    }

    [Test]
    public async Task On_a_slow_path_nothing_is_carried_twice()
    {
        const int Lines = 40;
        await using var server = await IotLinkServer.StartAsync(ServerOptions(withKey: false) with { Timeout = TimeSpan.FromSeconds(5) });
        await using var proxy = FaultProxy.Start(server.EndPoint);
        proxy.Throttle(400);
        var options = Options(proxy.EndPoint.Port);
        options.TimeoutMs = 5000;
        using var client = new Device().Start(options);
        var link = await server.WaitForAsync("pump-1").WaitAsync(Soon.Bound);
        var received = Collect(link);
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        var before = proxy.Carried.Up;

        for (var n = 0; n < Lines; n++)
            Assert.That(client.Write(new string('x', 60), 40_000), Is.EqualTo(WriteResult.Taken));
        Assert.That(client.Drain(40_000), Is.True);
        Assert.That(client.Write("the next", 40_000), Is.EqualTo(WriteResult.Taken));
        Assert.That(client.Drain(40_000), Is.True);

        Assert.Multiple(() =>
        {
            Assert.That(client.Counters.Outages, Is.Zero);
            Assert.That(client.Counters.LinesRepeated, Is.Zero);
            Assert.That(proxy.Carried.Up - before, Is.LessThanOrEqualTo((1.05 * Lines * 66) + 50));
            Assert.That(received(), Has.Length.EqualTo(Lines + 1));
        });
    }

    [Test]
    public async Task Nothing_is_lost_or_repeated_over_a_bad_network([Values(false, true)] bool withKey)
    {
        const int Lines = 400;
        await using var server = await ServeAsync(withKey);
        using var relay = new Relay(server.EndPoint, cutWithin: 1200);
        var device = new Device();
        var options = Options(relay.Port, withKey);
        options.BackOffMs = 1;
        options.BackOffCapMs = 20;
        using var client = device.Start(options);
        var link = await server.WaitForAsync("pump-1").WaitAsync(Soon.Bound);
        var received = Collect(link);

        var writes = Task.WhenAll(Enumerable.Range(1, Lines).Select(n => link.WriteAsync(Down(n))));
        foreach (var n in Enumerable.Range(1, Lines))
            Assert.That(client.Write(Up(n), 40_000), Is.EqualTo(WriteResult.Taken));
        Assert.That(client.Drain(40_000), Is.True);
        await writes.WaitAsync(Soon.Bound);

        await TestContext.Out.WriteLineAsync($"{relay.Cuts} cuts, {client.Counters.Connections} connections, {client.Counters.LinesRepeated} lines said again, {client.Counters.Duplicates} heard again");
        Assert.Multiple(() =>
        {
            Assert.That(received(), Is.EqualTo(Enumerable.Range(1, Lines).Select(Up)));
            Assert.That(device.Received, Is.EqualTo(Enumerable.Range(1, Lines).Select(Down)));
            Assert.That(client.Counters.Outages, Is.GreaterThan(5));
        });
    }

    [Test]
    public async Task Nothing_is_lost_or_repeated_under_eight_kinds_of_fault()
    {
        var clock = DefaultScheduler.Instance;
        await using var server = await ServeAsync(withKey: true);
        await using var proxy = FaultProxy.Start(server.EndPoint);
        var device = new Device();
        using var client = device.Start(Options(proxy.EndPoint.Port, withKey: true));
        var link = await server.WaitForAsync("pump-1").WaitAsync(Soon.Bound);
        var received = Collect(link);
        var mix = new TcpFaultMix
        {
            LeastPeace = TimeSpan.FromMilliseconds(50),
            MostPeace = TimeSpan.FromMilliseconds(150),
            ShortestStall = TimeSpan.FromMilliseconds(1200),
            LongestStall = TimeSpan.FromMilliseconds(1500),
            LongestAway = TimeSpan.FromMilliseconds(300),
        };
        var faults = 0;
        using var harming = FaultSchedule.Run(proxy, seed: 3, mix, clock).Subscribe(_ => Interlocked.Increment(ref faults));

        var (lines, writes) = (0, new List<Task>());
        // The ninth comes only when the eighth is healed.
        while (Volatile.Read(ref faults) < 9)
        {
            lines++;
            Assert.That(client.Write(Up(lines), 40_000), Is.EqualTo(WriteResult.Taken));
            writes.Add(link.WriteAsync(Down(lines)));
            Assert.That(client.Drain(40_000), Is.True);
        }

        harming.Dispose();
        Assert.That(client.Drain(40_000), Is.True);
        await Task.WhenAll(writes).WaitAsync(Soon.Bound);
        await TestContext.Out.WriteLineAsync($"{lines} lines each way, {client.Counters.Outages} outages, {client.Counters.LinesRepeated} lines said again, {client.Counters.Duplicates} heard again");
        Assert.Multiple(() =>
        {
            Assert.That(received(), Is.EqualTo(Enumerable.Range(1, lines).Select(Up)));
            Assert.That(device.Received, Is.EqualTo(Enumerable.Range(1, lines).Select(Down)));
            Assert.That(client.Counters.Outages, Is.GreaterThanOrEqualTo(5));
        });
    }

    [Test]
    public async Task A_half_dead_connection_is_found_and_what_was_on_it_arrives()
    {
        await using var server = await ServeAsync();
        using var relay = new Relay(server.EndPoint);
        var device = new Device();
        using var client = device.Start(Options(relay.Port));
        var link = await server.WaitForAsync("pump-1").WaitAsync(Soon.Bound);
        var received = Collect(link);
        client.Write("before");
        Assert.That(client.Drain(40_000), Is.True);

        relay.Stall();
        client.Write("during");
        var write = link.WriteAsync("down");
        Soon.Holds(() => client.Counters.Outages == 1, "the outage is found");
        Soon.Holds(() => client.Status == DeviceStatus.Down, "the link is down");
        relay.Cut();
        relay.Flow();
        Assert.That(client.Drain(40_000), Is.True);
        await write.WaitAsync(Soon.Bound);

        Assert.That(received(), Is.EqualTo(new[] { "before", "during" }));
        Assert.That(device.Received, Is.EqualTo(new[] { "down" }));
    }

    [Test]
    public async Task A_slow_application_slows_the_server_and_nothing_else()
    {
        // A busy machine may keep either end waiting, which is no outage here.
        await using var server = await IotLinkServer.StartAsync(ServerOptions(withKey: false) with { Timeout = TimeSpan.FromSeconds(2) });
        var options = Options(server.EndPoint.Port);
        options.TimeoutMs = 2_000;
        using var client = new Device().Start(options, pull: true);
        var link = await server.WaitForAsync("pump-1").WaitAsync(Soon.Bound);
        var received = Collect(link);
        // More than the inbox has room for, in lines and in bytes.
        var lines = Enumerable.Range(1, 12).Select(n => Down(n) + new string('x', 300)).ToArray();
        var writes = Task.WhenAll(lines.Select(l => link.WriteAsync(l)));
        var heartbeats = client.Counters.Heartbeats;
        Soon.Holds(() => client.Counters.Heartbeats >= heartbeats + 8, "keepalives go on for two timeouts");
        client.Write("meanwhile");
        Assert.That(client.Drain(40_000), Is.True);
        Assert.That(client.Counters.Outages, Is.Zero);

        foreach (var line in lines)
            Assert.That(client.ReadLine(40_000), Is.EqualTo(line));
        await writes.WaitAsync(Soon.Bound);
        Assert.That(received(), Is.EqualTo(new[] { "meanwhile" }));
    }

    [Test]
    public async Task Best_effort_arrives_once_at_most()
    {
        await using var server = await ServeAsync();
        using var client = new Device().Start(Options(server.EndPoint.Port));
        var link = await server.WaitForAsync("pump-1").WaitAsync(Soon.Bound);
        var received = Collect(link);
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        foreach (var n in Enumerable.Range(1, 4))
            Assert.That(client.WriteBestEffort(Up(n)), Is.EqualTo(WriteResult.Taken));
        client.Write("last");
        Assert.That(client.Drain(40_000), Is.True);
        Soon.Holds(() => received().Length == 5, "all of them, on a good network");
        Assert.That(received(), Is.SupersetOf(Enumerable.Range(1, 4).Select(Up)));
    }

    [Test]
    public async Task A_server_that_restarts_is_told_of()
    {
        var first = await ServeAsync();
        var port = first.EndPoint.Port;
        var device = new Device();
        var options = Options(port);
        options.BackOffMs = 1;
        options.BackOffCapMs = 20;
        using var client = device.Start(options);
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        await first.DisposeAsync();
        client.Write("kept");
        await using var second = await IotLinkServer.StartAsync(ServerOptions(withKey: false) with { Port = port });
        var received = Collect(await second.WaitForAsync("pump-1").WaitAsync(Soon.Bound));
        Assert.That(client.Drain(40_000), Is.True);
        Assert.That(received(), Is.EqualTo(new[] { "kept" }));
        Soon.Holds(() => device.Notices.Length > 0, "a notice");
        Assert.That(device.Notices, Has.Some.Contain("new memory"));
    }

    [Test]
    public async Task Both_ends_prove_themselves()
    {
        await using var server = await ServeAsync(withKey: true);
        var device = new Device();
        using var client = device.Start(Options(server.EndPoint.Port, withKey: true));
        Assert.That(client.WaitUntilUp(40_000), Is.True);
    }

    [Test]
    public async Task A_wrong_key_is_not_let_in_and_lets_nobody_in()
    {
        await using var server = await ServeAsync(withKey: true);
        var options = Options(server.EndPoint.Port);
        options.Key = new byte[16];
        options.BackOffMs = options.BackOffCapMs = 1;
        var device = new Device();
        using var client = device.Start(options);
        Soon.Holds(() => client.Counters.Attempts >= 3, "it tries again: the server may be an impostor");
        Assert.That(client.Counters.Connections, Is.Zero);
        Assert.That(device.Whys, Has.Some.Contain("did not prove"));
    }

    [Test]
    public async Task An_open_server_is_no_server_for_a_device_with_a_key()
    {
        await using var server = await ServeAsync();
        var options = Options(server.EndPoint.Port, withKey: true);
        options.BackOffMs = options.BackOffCapMs = 1;
        var device = new Device();
        using var client = device.Start(options);
        Soon.Holds(() => client.Counters.Attempts >= 3, "it tries again");
        Assert.That(client.Counters.Connections, Is.Zero);
        Assert.That(device.Whys, Has.Some.Contain("without proving"));
    }

    [Test]
    public async Task A_refusal_is_told_and_tried_again()
    {
        await using var server = await IotLinkServer.StartAsync(ServerOptions(withKey: false) with { Expected = ["another"], UnknownIds = UnknownIdPolicy.Refuse });
        var device = new Device();
        var options = Options(server.EndPoint.Port);
        options.BackOffCapMs = options.BackOffMs;
        using var client = device.Start(options);
        Soon.Holds(() => device.Whys.Any(w => w.Contains("unknown-id", StringComparison.Ordinal)), "it is told why");
        Soon.Holds(() => client.Counters.Attempts >= 3, "it tries again");
        Assert.That(client.Write("x"), Is.EqualTo(WriteResult.Taken));
    }

    [Test]
    public async Task Of_several_addresses_one_that_does_not_answer_hides_no_other()
    {
        var (dead, alive) = (IPAddress.Parse("127.0.0.2"), IPAddress.Parse("127.0.0.3"));
        await using var server = await IotLinkServer.StartAsync(ServerOptions(withKey: false) with { Bind = alive });
        var port = server.EndPoint.Port;
        using var end = await Rx.IotLink.Tests.Transport.DeadEnd.AtAsync(dead, port);
        var options = Options(port);
        options.ConnectTimeoutMs = 100;
        var transport = new TcpTransport([IPAddress.IPv6Loopback, dead, alive], port);
        options.Transport = transport;
        using var client = new Device().Start(options);
        Assert.That(client.WaitUntilUp(40_000), Is.True);

        Assert.That(client.Counters.Attempts, Is.EqualTo(2));
        Assert.That(transport.Next().Address, Is.EqualTo(alive), "it comes back to where it was served");
    }

    [Test]
    public async Task A_farewell_is_no_outage()
    {
        await using var server = await ServeAsync();
        var client = new Device().Start(Options(server.EndPoint.Port));
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        var link = await server.WaitForAsync("pump-1").WaitAsync(Soon.Bound);
        var left = link.State.FirstAsync(s => s.Outage is { Reason: OutageReason.PeerLeft }).GetAwaiter();
        client.Dispose();
        Soon.Holds(() => left.IsCompleted, "the server hears the farewell");
        Assert.That(link.Counters.Outages, Is.Zero);
    }

    [Test]
    public async Task A_device_that_sleeps_is_no_outage_and_finds_its_lines_when_it_wakes()
    {
        await using var server = await ServeAsync();
        var device = new Device();
        using var client = device.Start(Options(server.EndPoint.Port));
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        var link = await server.WaitForAsync("pump-1").WaitAsync(Soon.Bound);
        Assert.That(client.GoToSleep(3600), Is.True);
        var asleep = await link.State.FirstAsync(s => s.Status == Rx.IotLink.LinkStatus.Asleep).Timeout(Soon.Bound);
        Assert.That(asleep.AsleepUntil - asleep.Since, Is.EqualTo(TimeSpan.FromHours(1)));
        var command = link.WriteAsync(Down(1));

        client.WakeUp();
        await command.WaitAsync(Soon.Bound);
        Assert.That(device.Received, Is.EqualTo([Down(1)]));
        Assert.That((link.Counters.Outages, client.Counters.Outages), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task With_the_default_options_the_longest_lines_flow_without_a_repetition()
    {
        await using var server = await ServeAsync();
        var device = new Device();
        var options = new NanoClientOptions { Host = "127.0.0.1", Port = server.EndPoint.Port, Id = "pump-1" };
        using var client = device.Start(options);
        Assert.That(client.WaitUntilUp(40_000), Is.True);
        var link = await server.WaitForAsync("pump-1").WaitAsync(Soon.Bound);

        var longest = Enumerable.Range(0, 50).Select(n => $"{n} ".PadRight(options.MaxLineBytes, 'x')).ToList();
        foreach (var n in longest)
            _ = link.WriteAsync($"best effort {n[..2]}", Delivery.BestEffort);
        await Task.WhenAll(longest.Select(line => link.WriteAsync(line))).WaitAsync(Soon.Bound);

        Assert.That(device.Received.Where(line => line.EndsWith('x')), Is.EqualTo(longest));
        Assert.That((link.Counters.LinesRepeated, client.Counters.Duplicates), Is.EqualTo((0, 0)), "none had to wait for a repetition");
    }

    [Test]
    public async Task A_rebooted_device_with_a_key_takes_its_ghosts_place()
    {
        await using var server = await ServeAsync(withKey: true);
        using var relay = new Relay(server.EndPoint);
        var old = new Device();
        using var ghost = old.Start(Options(relay.Port, withKey: true));
        Assert.That(ghost.WaitUntilUp(40_000), Is.True);
        using var rebooted = new Device().Start(Options(server.EndPoint.Port, withKey: true));
        Assert.That(rebooted.WaitUntilUp(40_000), Is.True);
        Soon.Holds(() => old.Whys.Any(w => w.Contains("displaced", StringComparison.Ordinal)), "the old one is displaced");
    }

    private static string Up(int n) => string.Create(CultureInfo.InvariantCulture, $"up {n} ä€");

    private static string Down(int n) => string.Create(CultureInfo.InvariantCulture, $"down {n} ä€");

    private static IotLinkServerOptions ServerOptions(bool withKey) => new()
    {
        Port = 0,
        Bind = IPAddress.Loopback,
        Timeout = TimeSpan.FromMilliseconds(1000),
        RetryAfter = TimeSpan.FromMilliseconds(20),
        DrainTimeout = TimeSpan.Zero,
        KeyOf = withKey ? id => id == "pump-1" ? Key : (ReadOnlyMemory<byte>?)null : null,
    };

    private static Task<IotLinkServer> ServeAsync(bool withKey = false) => IotLinkServer.StartAsync(ServerOptions(withKey));

    private static NanoClientOptions Options(int port, bool withKey = false) => new()
    {
        Host = "127.0.0.1",
        Port = port,
        Id = "pump-1",
        Key = withKey ? Key : null,
        TimeoutMs = 1000,
        BackOffMs = 10,
        BackOffCapMs = 100,
    };

    /// <summary>Observes a link from now on; gives what has come so far.</summary>
    private static Func<string[]> Collect(ILink link)
    {
        var lines = new List<string>();
        link.Lines.Subscribe(line =>
        {
            lock (lines)
                lines.Add(line);
        });
        return () =>
        {
            lock (lines)
                return [.. lines];
        };
    }

    /// <summary>The application on the device.</summary>
    private sealed class Device
    {
        private readonly List<string> received = [];
        private readonly List<string> whys = [];
        private readonly List<string> notices = [];

        public string[] Received => Copy(received);

        public string[] Whys => Copy(whys);

        public string[] Notices => Copy(notices);

        public IotLinkNanoClient Start(NanoClientOptions options, bool pull = false)
        {
            if (!pull)
                options.OnLine = line => Keep(received, line);
            options.OnStatus = (_, why) => Keep(whys, why);
            options.OnNotice = notice => Keep(notices, notice);
            return IotLinkNanoClient.Start(options);
        }

        private static void Keep(List<string> list, string text)
        {
            lock (list)
                list.Add(text);
        }

        private static string[] Copy(List<string> list)
        {
            lock (list)
                return [.. list];
        }
    }
}
