using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>How each device is: GetConnections, ObserveConnections.</summary>
public sealed class ConnectionsTests : ServerTest
{
    [Test]
    public async Task Those_who_are_there_are_given_before_Subscribe_returns_and_then_each_change()
    {
        var server = await StartServerAsync();
        var first = await JoinAsync(server, "1");
        var second = await JoinAsync(server, "2");

        var told = server.ObserveConnections().Record();

        Assert.That(told.Values.Select(c => (c.Id, c.IsUp, c.Protocol, c.RemoteEndPoint, c.Link)), Is.EqualTo(
            [("1", true, 1, first.Address, server.Find("1")), ("2", true, 1, second.Address, server.Find("2"))]));
        first.Dispose();
        var down = await told.FirstAsync(c => c is { Id: "1", IsUp: false });
        Assert.That(down.State.Outage!.Reason, Is.EqualTo(OutageReason.ClosedByPeer));
        Assert.That(down.Since, Is.EqualTo(down.State.Since).And.GreaterThanOrEqualTo(told.Values[0].Since));
        var third = await JoinAsync(server, "1");
        var again = await told.FirstAsync(c => c is { Id: "1", IsUp: true, State.Connections: 2 });
        Assert.That(again.RemoteEndPoint, Is.EqualTo(third.Address));
        await JoinAsync(server, "3");
        await told.FirstAsync(c => c is { Id: "3", IsUp: true });
        Assert.That(server.GetConnections().Select(c => (c.Id, c.IsUp)), Is.EqualTo([("1", true), ("2", true), ("3", true)]));
    }

    [Test]
    public async Task A_device_of_protocol_2_is_reported_as_such()
    {
        var server = await StartServerAsync();
        var told = server.ObserveConnections().Record();
        StartClient(server);

        Assert.That((await told.FirstAsync(c => c.IsUp)).Protocol, Is.EqualTo(2));
    }

    [Test]
    public void The_last_line_has_the_time_at_which_it_came_not_that_of_keepalives_or_repetitions()
    {
        using var bench = new ServerBench();
        bench.Server.Links.Subscribe(link => link.Lines.Subscribe());
        var peer = bench.Connect(ServerBench.Opening("00000000000000aa"));
        Assert.That(bench.Server.GetConnections().Single().LastLineAt, Is.Null);

        bench.Run(TimeSpan.FromMilliseconds(100));
        var came = bench.Scheduler.Now;
        peer.Say("+0001one\n");
        bench.Run(TimeSpan.FromMilliseconds(50));
        Assert.That(bench.Server.GetConnections().Single().LastLineAt, Is.EqualTo(came));

        peer.Say("\n");
        bench.Run(TimeSpan.FromMilliseconds(50));
        peer.Say("+0001one\n");
        bench.Run(TimeSpan.FromMilliseconds(50));
        var now = bench.Server.GetConnections().Single();
        Assert.That(now.LastLineAt, Is.EqualTo(came));
        Assert.That((now.Counters.LinesReceived, now.Counters.DuplicatesReceived), Is.EqualTo((1, 1)));

        // It outlives the connection.
        peer.Reset();
        bench.Run(TimeSpan.FromMilliseconds(50));
        var down = bench.Server.GetConnections().Single();
        Assert.That((down.IsUp, down.LastLineAt), Is.EqualTo((false, came)));
    }

    [Test]
    public void Best_effort_lines_count_and_each_connection_finds_the_time_of_day_anew()
    {
        using var bench = new ServerBench();
        bench.Server.Links.Subscribe(link => link.Lines.Subscribe());
        bench.Connect(ServerBench.Opening("00000000000000aa")).Reset();
        bench.Run(TimeSpan.FromSeconds(3));
        var peer = bench.Connect(ServerBench.Opening("00000000000000aa", connection: 2));
        bench.Run(TimeSpan.FromSeconds(1));
        var came = bench.Scheduler.Now;
        peer.Say("-only once\n");
        bench.Run(TimeSpan.FromMilliseconds(1));

        Assert.That(bench.Server.GetConnections().Single().LastLineAt, Is.EqualTo(came));
    }

    [Test]
    public void A_refresh_gives_new_counts_and_nothing_where_there_are_none()
    {
        using var bench = new ServerBench(o => o with { Timeout = TimeSpan.FromHours(1) });
        bench.Server.Links.Subscribe(link => link.Lines.Subscribe());
        var (busy, _) = (bench.Connect(ServerBench.Opening("00000000000000aa")), bench.Connect(ServerBench.Opening("00000000000000bb", id: "idle")));
        var (told, untold) = (bench.Server.ObserveConnections(TimeSpan.FromSeconds(1)).Record(), bench.Server.ObserveConnections().Record());
        Assert.That(told.Values, Has.Count.EqualTo(2));

        for (var second = 1; second <= 3; second++)
        {
            busy.Say($"+000{second}line\n");
            bench.Run(TimeSpan.FromSeconds(1));
        }

        bench.Run(TimeSpan.FromSeconds(10));
        Assert.That(told.Values.Skip(2).Select(c => (c.Id, c.Counters.LinesReceived)), Is.EqualTo([("pump-1", 1), ("pump-1", 2), ("pump-1", 3)]));
        Assert.That(untold.Values, Has.Count.EqualTo(2));
    }

    [Test]
    public void A_refresh_ends_with_its_subscription()
    {
        using var bench = new ServerBench(o => o with { Timeout = TimeSpan.FromHours(1) });
        bench.Server.Links.Subscribe(link => link.Lines.Subscribe());
        var peer = bench.Connect(ServerBench.Opening("00000000000000aa"));
        var count = 0;
        var subscription = bench.Server.ObserveConnections(TimeSpan.FromSeconds(1)).Subscribe(_ => count++);
        subscription.Dispose();

        peer.Say("+0001line\n");
        bench.Run(TimeSpan.FromSeconds(5));

        Assert.That(count, Is.EqualTo(1));
    }

    [TestCase(9)]
    [TestCase(86_400_001)]
    public async Task A_refresh_out_of_range_is_named(double milliseconds)
    {
        var server = await StartServerAsync();
        var fault = Assert.Throws<ArgumentOutOfRangeException>(() => _ = server.ObserveConnections(TimeSpan.FromMilliseconds(milliseconds)))!;
        Assert.That(fault.Message, Does.Contain("refresh").And.Contain("00:00:00.0100000"));
    }

    /// <summary>It misses what is past, but not what is: the bound of its queue is the fleet.</summary>
    [Test]
    public async Task An_observer_that_fell_behind_gets_the_present_state_of_each()
    {
        var server = await StartServerAsync();
        using var go = new ManualResetEventSlim();
        var told = new Recorder<DeviceConnection>();
        await JoinAsync(server, "0");
        using var watching = server.ObserveConnections().Skip(1).Where(_ => go.Wait(Bound.Limit)).Subscribe(told);
        for (var round = 0; round < 30; round++)
        {
            var peer = await JoinAsync(server, "1");
            peer.Dispose();
            await server.Find("1")!.State.FirstAsync(s => s.Status == LinkStatus.Down && s.Connections == round + 1);
        }

        go.Set();

        var last = await told.FirstAsync(c => c.State.Connections == 30);
        Assert.That(last.IsUp, Is.False);
        Assert.That(told.Values, Has.Count.LessThan(20));
    }

    [Test]
    public async Task A_stopped_server_reports_each_device_as_closed_and_completes_for_all()
    {
        var server = await StartServerAsync();
        await JoinAsync(server, "1");
        await JoinAsync(server, "2");
        var early = server.ObserveConnections(TimeSpan.FromMilliseconds(10)).Record();

        await server.StopAsync().Within();

        var late = server.ObserveConnections(TimeSpan.FromMilliseconds(10)).Record();
        await early.Ended.Within();
        await late.Ended.Within();
        Assert.That(early.Values.GroupBy(c => c.Id).Select(c => (c.Key, c.Last().State.Status)), Is.EquivalentTo([("1", LinkStatus.Closed), ("2", LinkStatus.Closed)]));
        Assert.That(late.Values.Select(c => (c.Id, c.State.Status)), Is.EqualTo([("1", LinkStatus.Closed), ("2", LinkStatus.Closed)]));
    }

    [Test]
    public async Task An_observer_that_throws_harms_itself_alone()
    {
        var server = await StartServerAsync();
        server.ObserveConnections().Subscribe(_ => throw new InvalidOperationException("connections"));
        var other = server.ObserveConnections().Record();

        await JoinAsync(server, "1");
        await JoinAsync(server, "2");

        await other.FirstAsync(c => c is { Id: "2", IsUp: true });
        var told = await Log.Entries.UntilAsync(l => l.Any(e => e.Id == 32));
        Assert.That(told.Single(e => e.Id == 32).Error!.Message, Is.EqualTo("connections"));
    }
}
