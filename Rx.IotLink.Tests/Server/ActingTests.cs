using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>What an operator does with one device: show, send, ping, disconnect, forget.</summary>
public sealed class ActingTests
{
    [Test]
    public void A_ping_takes_one_round_trip_and_the_application_of_the_device_sees_nothing([Values(0, 3)] int linesBefore)
    {
        using var network = SimulatedNetwork.On(new TestScheduler(), conditions: new PathConditions { Latency = 40.ms() });
        var server = network.AddServer();
        var device = network.AddDevice("1", server);
        network.RunFor(5.s());
        var seen = device.Link.Lines.Record();
        for (var n = 0; n < linesBefore; n++)
            _ = server.Link("1").WriteAsync($"{n}");
        network.RunFor(1.s());

        var first = server.Process.PingAsync("1");
        var joined = server.Process.PingAsync("1");
        network.RunFor(79.ms());
        Assert.That(first.IsCompleted, Is.False);
        network.RunFor(10.ms());

        Assert.That(ValueOf(first), Is.EqualTo(80.ms()).Within(1.ms()));
        Assert.That(ValueOf(joined), Is.EqualTo(ValueOf(first)));
        Assert.That(seen.Values, Has.Count.EqualTo(linesBefore));
        Assert.That(device.Link.Counters.DuplicatesReceived, Is.EqualTo(1));
        _ = server.Link("1").WriteAsync("next");
        _ = device.Link.WriteAsync("other way");
        network.RunFor(1.s());
        Assert.That(seen.Values, Has.Count.EqualTo(linesBefore + 1), "lines go on as if nothing had been");
        Assert.That(server.Link("1").Counters.Outages + device.Link.Counters.Outages, Is.Zero);
    }

    [Test]
    public void A_ping_on_the_wire_is_the_last_accepted_number_without_a_text()
    {
        using var bench = new ServerBench();
        var peer = bench.Connect(ServerBench.Opening("00000000000000aa"));
        var line = bench.Server.Find("pump-1")!.WriteAsync("one");
        bench.Run(1.ms());
        peer.Say("=0001\n");
        bench.Run(1.ms());
        Assert.That(line.IsCompleted, Is.True);
        peer.Take();

        var ping = bench.Server.PingAsync("pump-1");
        bench.Run(7.ms());
        Assert.That(peer.Take(), Is.EqualTo(["+0001\n"]));
        peer.Say("=0001\n");
        bench.Run(1.ms());

        Assert.That(ValueOf(ping), Is.EqualTo(7.ms()));
    }

    [Test]
    public void A_ping_of_a_device_that_stops_answering_fails_with_the_outage()
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer();
        var device = network.AddDevice("1", server);
        network.RunFor(1.s());

        device.Path.Stall();
        var ping = server.Process.PingAsync("1");
        network.RunFor(5.s());
        var later = server.Process.PingAsync("1");
        network.RunFor(1.s());

        Assert.That(ping.Exception!.InnerException, Is.TypeOf<LinkDownException>().With.Message.Contains("Link '1' is not up: Down: Silence"));
        Assert.That(later.Exception!.InnerException, Is.TypeOf<LinkDownException>().With.Property("Id").EqualTo("1"));
    }

    [Test]
    public void A_ping_that_is_cancelled_or_whose_link_is_closed_ends()
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer();
        network.AddDevice("1", server).Path.Stalls(1.s(), 10.s());
        network.RunFor(1.s());
        using var cancelled = new CancellationTokenSource();
        var first = server.Process.PingAsync("1", cancelled.Token);
        var second = server.Process.PingAsync("1");

        cancelled.Cancel();
        network.RunFor(1.ms());
        Assert.That(first.IsCanceled, Is.True);
        _ = server.Process.StopAsync();
        network.RunFor(10.s());
        Assert.That(second.Exception!.InnerException, Is.TypeOf<LinkDownException>());
    }

    [Test]
    public void Protocol_1_has_no_ping_and_says_so()
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer();
        network.AddDevice("1", server, o => o with { Protocol = 1 });
        network.RunFor(1.s());

        var ping = server.Process.PingAsync("1");
        network.RunFor(1.ms());

        Assert.That(ping.Exception!.InnerException, Is.TypeOf<NotSupportedException>().With.Message.Contains("protocol 1"));
    }

    [Test]
    public void A_device_that_is_disconnected_comes_back_and_nothing_is_lost([Values(1, 2)] int protocol)
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer();
        var device = network.AddDevice("1", server, o => o with { Protocol = protocol });
        network.RunFor(1.s());
        var received = server.Link("1").Lines.Record();
        var link = server.Link("1");
        _ = device.Link.WriteAsync("on its way");

        Assert.That(server.Process.Disconnect("1"), Is.True);
        Assert.That(server.Process.GetConnection("1")!.State.Outage, Is.EqualTo(new Outage(OutageReason.ClosedHere, "the server's application has disconnected it")));
        Assert.That(server.Process.Disconnect("1"), Is.False, "it is not connected any more");
        network.RunFor(30.s());

        Assert.That(server.Process.GetConnection("1"), Is.Not.Null.And.Property("IsUp").True.And.Property("Link").SameAs(link));
        Assert.That(received.Values, Is.EqualTo(["on its way"]));
    }

    [Test]
    public void A_device_that_is_forgotten_joins_as_a_new_one([Values] bool isStored, [Values] bool isExpected)
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var store = new MemorySessionStore();
        var server = network.AddServer(configure: o => o with { SessionStore = isStored ? store : null, Expected = isExpected ? ["1"] : [] });
        var device = network.AddDevice("1", server);
        network.RunFor(1.s());
        var changes = server.Process.Changes.Record();
        var before = server.Link("1");
        var lost = before.WriteAsync("for nobody");

        var forgotten = server.Process.ForgetAsync("1");
        Assert.That(server.Process.Find("1"), Is.Null);
        network.RunFor(1.s());
        Assert.That(forgotten.IsCompletedSuccessfully, Is.True);
        network.RunFor(60.s());

        Assert.That(changes.Values.Select(c => c.Kind), Is.SupersetOf([LinkChangeKind.Forgotten, LinkChangeKind.Joined, LinkChangeKind.Up]));
        Assert.That(server.Link("1"), Is.Not.SameAs(before));
        Assert.That(lost.Exception!.InnerException, Is.TypeOf<LinkClosedException>().With.Message.Contains("it was forgotten, as the application wanted"));
        Assert.That(server.Process.Counters.UnknownIdsForgotten, Is.Zero, "it did not make room for another");
        var received = server.Link("1").Lines.Record();
        _ = device.Link.WriteAsync("again");
        network.RunFor(10.s());
        Assert.That(received.Values, Is.EqualTo(["again"]));
    }

    [Test]
    public void A_device_that_is_forgotten_leaves_nothing_in_the_store_though_it_never_came_here()
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var store = new MemorySessionStore();
        var first = network.AddServer("first", configure: o => o with { SessionStore = store });
        var device = network.AddDevice("1", first);
        network.RunFor(1.s());
        _ = ((IotLinkClient)device.Link).CloseAsync();
        _ = first.Link("1").WriteAsync("kept");
        network.RunFor(1.s());
        _ = first.Process.StopAsync();
        network.RunFor(10.s());
        Assert.That(store.LinesOf("1"), Is.EqualTo(["kept"]));

        var second = network.AddServer("second", configure: o => o with { SessionStore = store });
        var forgotten = second.Process.ForgetAsync("1");
        network.RunFor(1.s());

        Assert.That(forgotten.IsCompletedSuccessfully, Is.True);
        Assert.That(store.SnapshotOf("1"), Is.Null);
        Assert.That(second.Process.GetConnections(), Is.Empty);
    }

    [Test]
    public void A_store_that_fails_to_forget_is_reported_and_the_device_can_be_forgotten_again()
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var store = new MemorySessionStore();
        var server = network.AddServer(configure: o => o with { SessionStore = store });
        var device = network.AddDevice("1", server);
        network.RunFor(1.s());
        _ = ((IotLinkClient)device.Link).CloseAsync();
        network.RunFor(1.s());

        store.Fault = new IOException("the disk is full");
        var inVain = server.Process.ForgetAsync("1");
        network.RunFor(30.s());
        Assert.That(inVain.Exception!.InnerException, Is.TypeOf<SessionStoreException>().With.Message.Contains("the disk is full"));

        store.Fault = null;
        var again = server.Process.ForgetAsync("1");
        network.RunFor(1.s());
        Assert.That(again.IsCompletedSuccessfully, Is.True);
        Assert.That(store.SnapshotOf("1"), Is.Null);
    }

    [Test]
    public void A_line_is_sent_by_its_device_s_name_also_before_a_known_device_has_come()
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer(configure: o => o with { Expected = ["1"] });

        var sent = server.Process.SendAsync("1", "hello");
        network.RunFor(1.s());
        var received = network.AddDevice("1", server).Link.Lines.Record();
        network.RunFor(1.s());

        Assert.That(received.Values, Is.EqualTo(["hello"]));
        Assert.That(sent.IsCompletedSuccessfully, Is.True);
    }

    [Test]
    public void Who_is_not_there_is_a_typed_error_that_names_it_harmlessly()
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer().Process;
        const string Id = "no\u001b[31mbody";

        Assert.Multiple(() =>
        {
            Assert.That(server.GetConnection(Id), Is.Null);
            Assert.That(() => server.Disconnect(Id), Throws.TypeOf<UnknownDeviceException>().With.Message.Not.Contains('\u001b'));
            Assert.That(() => server.PingAsync(Id), Throws.TypeOf<UnknownDeviceException>());
            Assert.That(async () => await server.ForgetAsync("nobody"), Throws.TypeOf<UnknownDeviceException>().With.Property("Id").EqualTo("nobody"));
            Assert.That(async () => await server.SendAsync("nobody", "line"), Throws.TypeOf<UnknownDeviceException>());
            Assert.That(async () => await server.ForgetAsync(Id), Throws.ArgumentException);
            Assert.That(() => server.Disconnect(null!), Throws.ArgumentNullException);
        });
    }

    private static TimeSpan ValueOf(Task<TimeSpan> ended)
    {
        Assert.That(ended.IsCompletedSuccessfully, Is.True, $"{ended.Exception?.InnerException}");
#pragma warning disable VSTHRD002 // It has ended.
        return ended.Result;
#pragma warning restore VSTHRD002
    }
}
