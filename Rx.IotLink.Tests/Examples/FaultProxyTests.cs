using System.Net.Sockets;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using NUnit.Framework;
using QuickStart.Proxy;
using static Rx.IotLink.Tests.Examples.ProxyHarness;

namespace Rx.IotLink.Tests.Examples;

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

        Assert.That(harness.Proxy.Do(new Kill())?.Fault, Is.EqualTo(new Kill()));
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
        harness.Proxy.Do(new Kill());

        await NoConnectionsAsync(harness, TimeSpan.FromSeconds(1));
    }

    [Test]
    public async Task Reset_resets_both_ends()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.Do(new Reset());

        Assert.That(await EndAsync(client), Is.EqualTo("RST"));
        Assert.That(await EndAsync(server), Is.EqualTo("RST"));
        await NoConnectionsAsync(harness, TimeSpan.Zero);
    }

    [Test]
    public async Task Away_resets_new_connections_too_until_it_is_over()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.Do(new Away(Length));

        Assert.That(await EndAsync(client), Is.EqualTo("RST"));
        Assert.That(await EndAsync(server), Is.EqualTo("RST"));
        Assert.That(await harness.DialAndEndAsync(), Is.EqualTo("RST"));

        harness.Time.AdvanceBy(Length);
        await harness.ConnectHealthyAsync();
    }

    [Test]
    public async Task Stall_holds_both_ways_of_one_connection_until_it_is_over()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.Do(new Stall(Length));
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
    public async Task Stall_hides_the_end_of_the_connection_too([Values] bool reset)
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.Do(new Stall(Length));
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
    public async Task StallOneWay_lets_the_other_way_pass([Values] Way way)
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        var (deaf, heard) = way == Way.ToServer ? (server, client) : (client, server);
        harness.Proxy.Do(new StallOneWay(way, Length));
        await SendAsync(heard, "held");
        await PassesAsync(deaf, heard, "passes");
        Assert.That(deaf.Available, Is.Zero);

        harness.Time.AdvanceBy(Length);
        Assert.That(await ReadAsync(deaf, 4), Is.EqualTo("held"));
    }

    [Test]
    public async Task StallOneWay_does_not_tell_by_the_other_way_that_the_sender_is_gone()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.Do(new StallOneWay(Way.ToServer, Length));
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
    public async Task Slow_passes_small_pieces_with_pauses()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        var pause = TimeSpan.FromMilliseconds(10);
        harness.Proxy.Do(new Slow(Length, SliceBytes: 3, pause));
        await SendAsync(client, "abcdefg");

        Assert.That(await ReadAsync(server, 3), Is.EqualTo("abc"));
        await harness.ConnectHealthyAsync();
        Assert.That(server.Available, Is.Zero);
        // Time that passes before the proxy has begun its pause does not count, so it is given until the next piece comes.
        var rest = ReadAsync(server, 4);
        await Observable.Interval(TimeSpan.FromMilliseconds(1)).Do(_ => harness.Time.AdvanceBy(pause)).TakeUntil(_ => rest.IsCompleted).ToTask().WaitAsync(Bound);
        Assert.That(await rest, Is.EqualTo("defg"));
    }

    [Test]
    public async Task Heal_ends_a_stall_early()
    {
        await using var harness = new ProxyHarness();
        var (client, server) = await harness.ConnectHealthyAsync();
        harness.Proxy.Do(new Stall(Length));
        await SendAsync(client, "up");
        harness.Proxy.Heal();

        Assert.That(await ReadAsync(server, 2), Is.EqualTo("up"));
    }

    [Test]
    public async Task Only_a_healthy_connection_is_harmed_and_each_fault_is_recorded()
    {
        await using var harness = new ProxyHarness();
        var records = new List<FaultRecord>();
        using var recording = harness.Proxy.Faults.Subscribe(records.Add);

        Assert.That(harness.Proxy.Do(new Kill()), Is.Null, "no connection");
        await harness.ConnectAsync();
        Assert.That(harness.Proxy.Do(new Kill()), Is.Null, "nothing carried yet");
        await harness.ConnectHealthyAsync();
        harness.Time.AdvanceBy(TimeSpan.FromSeconds(5));
        var done = harness.Proxy.Do(new Stall(Length));
        Assert.That(done, Is.EqualTo(new FaultRecord("p", TimeSpan.FromSeconds(5), 2, new Stall(Length))));
        Assert.That(harness.Proxy.Do(new Kill()), Is.Null, "stalled");
        harness.Time.AdvanceBy(Length);
        Assert.That(harness.Proxy.Do(new Reset()), Is.Not.Null, "healed");

        Assert.That(records.Select(record => record.Fault), Is.EqualTo(new Fault[] { new Stall(Length), new Reset() }));
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
        harness.Proxy.Do(new Stall(Length));
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
}
