using System.Net.Sockets;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Testing.Tcp;
using static Rx.IotLink.Tests.Testing.Tcp.ProxyHarness;

namespace Rx.IotLink.Tests.Testing.Tcp;

[TestFixture]
public sealed class FaultProxyTests
{
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(2);

    [Test]
    public async Task Left_alone_it_carries_bytes_and_the_end_of_each_way()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        await PassesAsync(client, server, new string('x', 100_000));

        client.Shutdown(SocketShutdown.Send);
        Assert.That(await EndAsync(server), Is.EqualTo("FIN"));
        await PassesAsync(server, client, "the other way is open");
    }

    [Test]
    public async Task A_reset_is_passed_on_as_a_reset()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();

        client.LingerState = new LingerOption(enable: true, seconds: 0);
        client.Close();

        Assert.That(await EndAsync(server), Is.EqualTo("RST"));
    }

    [Test]
    public async Task Kill_ends_both_ends_with_FIN_even_while_they_send()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        await SendAsync(client, "unread");
        await SendAsync(server, "unread");

        Assert.That(harness.Proxy.Kill().Fault, Is.EqualTo(new TcpFault.Kill()));
        await SendAsync(client, "too late");
        await SendAsync(server, "too late");

        Assert.That(await EndAsync(client), Is.EqualTo("FIN"));
        Assert.That(await EndAsync(server), Is.EqualTo("FIN"));
    }

    [Test]
    public async Task A_killed_connection_is_closed_though_its_ends_keep_it()
    {
        await using var harness = new ProxyHarness();
        await harness.ConnectHealthyAsync();
        harness.Proxy.Kill();

        await NoConnectionsAsync(harness, TimeSpan.FromSeconds(1));
    }

    /// <summary>Whoever subscribes while it changes learns of it, too.</summary>
    [Test]
    public async Task A_change_while_an_observer_gets_the_first_value_is_not_missed()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectAsync();
        await PassesAsync(client, server, "hello");
        var isHealthy = harness.Proxy.Healthy.FirstAsync(healthy => healthy).ToTask();
        var values = new List<bool>();
        var two = harness.Proxy.Healthy.Take(2).Do(value =>
        {
            values.Add(value);
#pragma warning disable VSTHRD002 // This observer blocks: meanwhile the first value is out of date.
            if (!value)
                Task.Run(BecomeHealthyAsync).Wait(Bound);
#pragma warning restore VSTHRD002
        }).ToTask();

        await two.WaitAsync(Bound);
        Assert.That(values, Is.EqualTo([false, true]));

        async Task BecomeHealthyAsync()
        {
            await PassesAsync(server, client, "welcome");
            // It has learnt of it, since it observed before.
            await isHealthy;
        }
    }

    [Test]
    public async Task Reset_resets_both_ends()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.Kill(reset: true);

        Assert.That(await EndAsync(client), Is.EqualTo("RST"));
        Assert.That(await EndAsync(server), Is.EqualTo("RST"));
        await NoConnectionsAsync(harness, TimeSpan.Zero);
    }

    [Test]
    public async Task Away_resets_new_connections_too_until_it_is_over()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.Away(Length);

        Assert.That(await EndAsync(client), Is.EqualTo("RST"));
        Assert.That(await EndAsync(server), Is.EqualTo("RST"));
        Assert.That(await harness.DialAndEndAsync(), Is.EqualTo("RST"));

        harness.Time.AdvanceBy(Length);
        await harness.ConnectHealthyAsync();
    }

    [Test]
    public async Task Refuse_resets_new_connections_alone_until_it_is_over()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        Assert.That(harness.Proxy.Refuse(Length).Connections, Is.Zero);

        Assert.That(await harness.DialAndEndAsync(), Is.EqualTo("RST"));
        await PassesAsync(client, server, "still here");

        harness.Time.AdvanceBy(Length);
        await harness.ConnectHealthyAsync();
    }

    [Test]
    public async Task A_stall_of_the_latest_connection_holds_both_its_ways_until_it_is_over()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.DoToLatest(new TcpFault.Stall { Lasting = Length });
        await SendAsync(client, "up");
        await SendAsync(server, "down");

        // A later connection is not touched. What passed through it took longer than what was held would have.
        var (client2, server2) = await harness.ConnectHealthyAsync();
        await PassesAsync(client2, server2, "free");
        Assert.That((client.Available, server.Available), Is.EqualTo((0, 0)));

        harness.Time.AdvanceBy(Length);
        Assert.That(await ReadAsync(server, 2), Is.EqualTo("up"));
        Assert.That(await ReadAsync(client, 4), Is.EqualTo("down"));
    }

    [Test]
    public async Task A_stall_holds_connections_that_are_made_while_it_lasts_too()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        Assert.That(harness.Proxy.Stall(lasting: Length).Connections, Is.EqualTo(1));
        var (client2, server2) = await harness.ConnectAsync();
        await SendAsync(client, "old");
        await SendAsync(client2, "new");
        var (old, young) = (ReadAsync(server, 3), ReadAsync(server2, 3));
        await AWhileAsync();
        Assert.That((old.IsCompleted, young.IsCompleted), Is.EqualTo((false, false)));

        harness.Time.AdvanceBy(Length);
        Assert.That((await old, await young), Is.EqualTo(("old", "new")));
        await harness.ConnectHealthyAsync();
    }

    [Test]
    public async Task Stall_hides_the_end_of_the_connection_too([Values] bool reset)
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.DoToLatest(new TcpFault.Stall { Lasting = Length });
        if (reset)
            client.LingerState = new LingerOption(enable: true, seconds: 0);
        client.Close();

        await harness.ConnectHealthyAsync();
        var end = EndAsync(server);
        Assert.That(end.IsCompleted, Is.False);

        harness.Time.AdvanceBy(Length);
        Assert.That(await end, Is.EqualTo(reset ? "RST" : "FIN"));
    }

    [Test]
    public async Task A_stall_one_way_lets_the_other_way_pass([Values(StallDirection.Up, StallDirection.Down)] StallDirection direction)
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        var (deaf, heard) = direction == StallDirection.Up ? (server, client) : (client, server);
        harness.Proxy.Stall(direction, Length);
        await SendAsync(heard, "held");
        await PassesAsync(deaf, heard, "passes");
        Assert.That(deaf.Available, Is.Zero);

        harness.Time.AdvanceBy(Length);
        Assert.That(await ReadAsync(deaf, 4), Is.EqualTo("held"));
    }

    [Test]
    public async Task A_stall_one_way_does_not_show_by_the_other_way_that_the_sender_is_gone()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.DoToLatest(new TcpFault.Stall(StallDirection.Up) { Lasting = Length });
        client.LingerState = new LingerOption(enable: true, seconds: 0);
        client.Close();

        // What the server sends meets a broken connection: that would come back as a reset, if it could come back.
        await SendAsync(server, "anybody there?");
        await harness.ConnectHealthyAsync();
        var end = EndAsync(server);
        Assert.That(end.IsCompleted, Is.False);

        harness.Time.AdvanceBy(Length);
        Assert.That(await end, Is.EqualTo("RST"));
    }

    [Test]
    public async Task Slice_passes_small_pieces_with_pauses()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        var pause = TimeSpan.FromMilliseconds(10);
        harness.Proxy.DoToLatest(new TcpFault.Slice(3, pause) { Lasting = Length });
        await SendAsync(client, "abcdefg");

        Assert.That(await ReadAsync(server, 3), Is.EqualTo("abc"));
        await harness.ConnectHealthyAsync();
        Assert.That(server.Available, Is.Zero);
        await UntilAsync(harness, pause, ReadAsync(server, 4), "defg");
    }

    [Test]
    public async Task Coalesce_passes_together_what_arrives_within_a_time()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        var within = TimeSpan.FromMilliseconds(50);
        harness.Proxy.DoToLatest(new TcpFault.Coalesce(within) { Lasting = Length });
        await SendAsync(client, "abc");
        await SendAsync(client, "def");
        await harness.ConnectHealthyAsync();
        Assert.That(server.Available, Is.Zero, "not before the time is over");

        // Whatever the system made of the two sends: at the first multiple of the time both pass.
        var started = harness.Time.Clock;
        await UntilAsync(harness, TimeSpan.FromMilliseconds(10), ReadAsync(server, 6), "abcdef");
        Assert.That(harness.Time.Clock - started, Is.AtLeast(TimeSpan.FromMilliseconds(10)));

        harness.Time.AdvanceBy(Length);
        await SendAsync(client, "as it comes");
        Assert.That(await ReadAsync(server, 11), Is.EqualTo("as it comes"));
    }

    [Test]
    public async Task Throttle_passes_so_many_bytes_in_a_second()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.Throttle(1_000);
        var text = new string('x', 500);
        await SendAsync(client, text);

        var started = harness.Time.Clock;
        await UntilAsync(harness, TimeSpan.FromMilliseconds(10), ReadAsync(server, text.Length), text);
        // The pause after the last piece is not waited for. Steps that pass while the proxy is still at work make it
        // longer, never shorter.
        Assert.That(harness.Time.Clock - started, Is.AtLeast(TimeSpan.FromMilliseconds(490)));
    }

    [Test]
    public async Task Delay_lets_bytes_and_the_end_arrive_late_and_not_later_for_what_was_before_them()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.Delay(Length);
        await SendAsync(client, "first");
        await SendAsync(server, "back");
        var (up, down, end) = (ReadAsync(server, 5), ReadAsync(client, 4), Task.CompletedTask);
        client.Shutdown(SocketShutdown.Send);
        await AWhileAsync();
        Assert.That((up.IsCompleted, down.IsCompleted), Is.EqualTo((false, false)));

        harness.Time.AdvanceBy(Length);
        Assert.That((await up, await down), Is.EqualTo(("first", "back")));
        var fin = EndAsync(server);
        // It was taken when the first was, or while we were at it: a latency more is enough in any case.
        harness.Time.AdvanceBy(Length);
        Assert.That(await fin, Is.EqualTo("FIN"));
    }

    [Test]
    public async Task Kill_loses_what_is_under_way()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.Delay(Length);
        await SendAsync(client, "lost");
        await AWhileAsync();
        harness.Proxy.Kill();

        Assert.That(await ReadAsync(server, 1), Is.Empty);
    }

    [Test]
    public async Task A_lost_tail_is_taken_and_never_arrives([Values] bool reset)
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        Assert.That(harness.Proxy.Kill(reset, Length).Fault.Name, Is.EqualTo("lost tail"));
        await SendAsync(client, "lost");
        await SendAsync(server, "too");
        await AWhileAsync();
        Assert.That((client.Available, server.Available), Is.EqualTo((0, 0)));
        var (atServer, atClient) = (EndAsync(server), EndAsync(client));
        Assert.That((atServer.IsCompleted, atClient.IsCompleted), Is.EqualTo((false, false)));

        harness.Time.AdvanceBy(Length);
        Assert.That((await atServer, await atClient), Is.EqualTo(reset ? ("RST", "RST") : ("FIN", "FIN")));
    }

    [Test]
    public async Task Heal_ends_whatever_is_at_work()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.Stall();
        harness.Proxy.Delay(Length);
        harness.Proxy.Slice(1, Length);
        harness.Proxy.Throttle(1);
        harness.Proxy.Refuse();
        await SendAsync(client, "up");
        harness.Proxy.Heal();

        Assert.That(await ReadAsync(server, 2), Is.EqualTo("up"));
        await harness.ConnectHealthyAsync();
    }

    [Test]
    public async Task The_end_of_a_fault_is_not_the_end_of_another_of_its_kind()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.Stall(StallDirection.Up, Length);
        harness.Proxy.Stall(StallDirection.Up, 2 * Length);
        await SendAsync(client, "up");
        harness.Time.AdvanceBy(Length);
        await PassesAsync(server, client, "down");
        Assert.That(server.Available, Is.Zero);

        harness.Time.AdvanceBy(Length);
        Assert.That(await ReadAsync(server, 2), Is.EqualTo("up"));
    }

    [Test]
    public async Task Only_a_healthy_latest_connection_is_harmed_and_each_fault_is_recorded()
    {
        await using var harness = new ProxyHarness();
        var records = new List<FaultRecord>();
        using var recording = harness.Proxy.Faults.Subscribe(records.Add);

        Assert.That(harness.Proxy.DoToLatest(new TcpFault.Kill()), Is.Null, "no connection");
        await harness.ConnectAsync();
        Assert.That(harness.Proxy.DoToLatest(new TcpFault.Kill()), Is.Null, "nothing carried yet");
        await harness.ConnectHealthyAsync();
        harness.Time.AdvanceBy(TimeSpan.FromSeconds(5));
        var done = harness.Proxy.DoToLatest(new TcpFault.Stall { Lasting = Length });
        Assert.That(done, Is.EqualTo(new FaultRecord("p", TimeSpan.FromSeconds(5), 1, new TcpFault.Stall { Lasting = Length })));
        Assert.That(harness.Proxy.DoToLatest(new TcpFault.Kill()), Is.Null, "stalled");
        harness.Time.AdvanceBy(Length);
        Assert.That(harness.Proxy.DoToLatest(new TcpFault.Kill(Reset: true)), Is.Not.Null, "healed");

        Assert.That(records.Select(record => record.Fault), Is.EqualTo(new TcpFault[] { new TcpFault.Stall { Lasting = Length }, new TcpFault.Kill(Reset: true) }));
    }

    [Test]
    public async Task Every_open_connection_is_harmed_and_counted()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        var (client2, server2) = await harness.ConnectAsync();
        await PassesAsync(client2, server2, "open");

        Assert.That(harness.Proxy.Kill(reset: true).Connections, Is.EqualTo(2));
        foreach (var socket in new[] { client, server, client2, server2 })
            Assert.That(await EndAsync(socket), Is.EqualTo("RST"));
    }

    [Test]
    public async Task What_cannot_be_done_is_said_with_its_limits()
    {
        await using var harness = new ProxyHarness();
        var proxy = harness.Proxy;
        Assert.Multiple(() =>
        {
            Refused(() => proxy.Slice(0), "Bytes must be 1 to 4096, not 0.");
            Refused(() => proxy.Coalesce(TimeSpan.Zero), "Within must be 00:00:00.0000001 to 01:00:00, not 00:00:00.");
            Refused(() => proxy.Throttle(-1), "BytesPerSecond must be 1 to 1000000000, not -1.");
            Refused(() => proxy.Stall(lasting: TimeSpan.Zero), "Lasting must be 00:00:00.0000001 to 1.00:00:00, not 00:00:00.");
            Refused(() => proxy.Stall((StallDirection)7), "Direction must be one of Up, Down, Both, not 7.");
            Refused(() => proxy.Delay(TimeSpan.FromDays(1)), "By must be 00:00:00 to 01:00:00, not 1.00:00:00.");
            Refused(() => proxy.Kill(lostTail: -Length), "LostTail must be 00:00:00 to 01:00:00, not -00:00:02.");
            Refused(() => FaultProxy.Start(proxy.EndPoint, new FaultProxyOptions { MaxConnections = 0 }), "MaxConnections must be 1 to 10000, not 0.");
            Assert.That(() => proxy.Do(null!), Throws.ArgumentNullException);
        });
        await proxy.DisposeAsync();
        Assert.That(() => proxy.Kill(), Throws.InstanceOf<ObjectDisposedException>());

        static void Refused(Action action, string sentence) => Assert.That(action, Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.StartsWith(sentence));
    }

    [Test]
    public async Task A_connection_too_many_is_reset()
    {
        await using var harness = new ProxyHarness(new FaultProxyOptions { MaxConnections = 1 });
        var (client, server) = await harness.ConnectHealthyAsync();

        Assert.That(await harness.DialAndEndAsync(), Is.EqualTo("RST"));
        await PassesAsync(client, server, "untouched");
    }

    [Test]
    public async Task Without_a_server_the_client_is_reset()
    {
        await using var harness = new ProxyHarness();
        harness.StopListening();

        Assert.That(await harness.DialAndEndAsync(), Is.EqualTo("RST"));
        await NoConnectionsAsync(harness, TimeSpan.Zero);
    }

    [Test]
    public async Task Disposed_it_leaves_no_socket_behind()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.Stall();
        var (client2, server2) = await harness.ConnectAsync();

        await harness.Proxy.DisposeAsync().AsTask().WaitAsync(Bound);

        Assert.That(harness.Proxy.Connections, Is.Zero);
        foreach (var socket in new[] { client, server, client2, server2 })
            Assert.That(await EndAsync(socket), Is.EqualTo("RST"));
        await Assert.ThrowsAsync<SocketException>(async () => await harness.DialAsync());
    }

    /// <summary>Lets time pass, if needed more than once, until every socket of the proxy is closed.</summary>
    private static async Task NoConnectionsAsync(ProxyHarness harness, TimeSpan step) =>
        await Observable.Interval(TimeSpan.FromMilliseconds(1))
            .Do(_ => harness.Time.AdvanceBy(step))
            .TakeUntil(_ => harness.Proxy.Connections == 0)
            .ToTask().WaitAsync(Bound);

    /// <summary>
    /// Lets time pass until it was read. Time that passes before the proxy has begun a pause does not count for it.
    /// </summary>
    private static async Task UntilAsync(ProxyHarness harness, TimeSpan step, Task<string> reading, string text)
    {
        await Observable.Interval(TimeSpan.FromMilliseconds(1)).Do(_ => harness.Time.AdvanceBy(step)).TakeUntil(_ => reading.IsCompleted).ToTask().WaitAsync(Bound);
        Assert.That(await reading, Is.EqualTo(text));
    }

    /// <summary>Lasts as long as it takes to connect and pass bytes through a proxy that nothing harms.</summary>
    private static async Task AWhileAsync()
    {
        await using var free = new ProxyHarness();
        await free.ConnectHealthyAsync();
    }
}
