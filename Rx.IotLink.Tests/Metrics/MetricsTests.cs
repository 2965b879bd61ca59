using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Metrics;

/// <summary>What a listener of metrics gets, in virtual time: the numbers are exact.</summary>
public sealed class MetricsTests
{
    [Test]
    public void Lines_and_bytes_are_counted_by_direction_and_delivery([Values(1, 2)] int protocol)
    {
        using var at = new MetricReader();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer(configure: o => o with { Telemetry = at.Options });
        var device = network.AddDevice("1", server, o => o with { Protocol = protocol });
        network.RunFor(1.s());
        server.Link("1").Lines.Record();
        device.Link.Lines.Record();

        _ = device.Link.WriteAsync("twelve bytes");
        _ = device.Link.WriteAsync("best", Delivery.BestEffort);
        _ = server.Link("1").WriteAsync("äöü");
        network.RunFor(1.s());
        _ = server.Link("1").WriteAsync("x", Delivery.BestEffort);
        network.RunFor(1.s());

        // In protocol 1 a received line does not say how it was written.
        var (lines, bytes) = protocol == 1 ? ((2, 0), (16, 0)) : ((1, 1), (12, 4));
        Assert.Multiple(() =>
        {
            Assert.That(at.Sum("iotlink.lines", "network.io.direction=receive", "iotlink.delivery=exactly_once"), Is.EqualTo(lines.Item1));
            Assert.That(at.Sum("iotlink.lines", "network.io.direction=receive", "iotlink.delivery=best_effort"), Is.EqualTo(lines.Item2));
            Assert.That(at.Sum("iotlink.lines", "network.io.direction=transmit", "iotlink.delivery=exactly_once"), Is.EqualTo(1));
            Assert.That(at.Sum("iotlink.lines", "network.io.direction=transmit", "iotlink.delivery=best_effort"), Is.EqualTo(1));
            Assert.That(at.Sum("iotlink.line.io", "network.io.direction=receive", "iotlink.delivery=exactly_once"), Is.EqualTo(bytes.Item1));
            Assert.That(at.Sum("iotlink.line.io", "network.io.direction=receive", "iotlink.delivery=best_effort"), Is.EqualTo(bytes.Item2));
            Assert.That(at.Sum("iotlink.line.io", "network.io.direction=transmit", "iotlink.delivery=exactly_once"), Is.EqualTo(6));
            Assert.That(at.Sum("iotlink.line.io", "network.io.direction=transmit", "iotlink.delivery=best_effort"), Is.EqualTo(1));
        });
    }

    [Test]
    public void An_outage_is_counted_by_its_reason_and_the_times_to_find_and_to_heal_it_are_measured()
    {
        using var at = new MetricReader();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer(configure: o => o with { Telemetry = at.Options });
        var device = network.AddDevice("1", server);
        network.RunFor(10.s());
        var states = server.Link("1").State.Record();
        Assert.That(at.Sum("iotlink.link.count", "iotlink.link.state=up"), Is.EqualTo(1));

        device.Path.Stalls(10.s(), 10.s());
        network.RunFor(5.s());
        Assert.That(at.Sum("iotlink.link.count", "iotlink.link.state=down"), Is.EqualTo(1));
        network.RunFor(30.s());

        Assert.That(at.Sum("iotlink.link.outages", "iotlink.outage.reason=silence"), Is.EqualTo(1));
        Assert.That(at.Sum("iotlink.link.outages"), Is.EqualTo(server.Link("1").Counters.Outages));
        var found = at.Of("iotlink.outage.detection.duration").Single();
        Assert.That(found.Value, Is.EqualTo(2).Within(0.001), "silence is found after the timeout");
        Assert.That(found.Tags.Select(t => $"{t.Key}={t.Value}"), Is.EqualTo(["iotlink.role=server", "iotlink.outage.reason=silence"]));
        var healed = at.Of("iotlink.outage.duration").Single();
        Assert.That(healed.Value, Is.EqualTo((states.Values[2].Since - states.Values[1].Since).TotalSeconds).Within(0.001));
        Assert.That(healed.Value, Is.GreaterThan(5));
    }

    [Test]
    public void A_device_that_leaves_has_no_outage()
    {
        using var at = new MetricReader();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer(configure: o => o with { Telemetry = at.Options });
        var device = network.AddDevice("1", server);
        network.RunFor(1.s());

        _ = ((IotLinkClient)device.Link).CloseAsync();
        network.RunFor(1.s());

        Assert.That(at.Sum("iotlink.link.count", "iotlink.link.state=down"), Is.EqualTo(1));
        Assert.That(at.Sum("iotlink.link.outages"), Is.Zero);
    }

    [Test]
    public void Repetitions_duplicates_and_lines_that_find_no_room_are_those_of_the_counters()
    {
        using var at = new MetricReader();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer(configure: o => o with { Telemetry = at.Options with { Name = "s" }, InboxLines = 2 });
        var device = network.AddDevice("1", server, o => o with { Telemetry = at.Options with { Name = "d" }, Protocol = 1 });
        network.RunFor(1.s());
        _ = server.Link("1").ReadLineAsync();
        for (var n = 0; n < 6; n++)
        {
            _ = device.Link.WriteAsync($"{n}", ordering: Ordering.Concurrent);
            network.RunFor(1.s());
        }

        var (here, there) = (server.Link("1").Counters, device.Link.Counters);
        Assert.Multiple(() =>
        {
            Assert.That(at.Sum("iotlink.inbox.lines", "iotlink.name=s"), Is.EqualTo(2).And.EqualTo(here.Inbox));
            Assert.That(at.Sum("iotlink.line.withheld", "iotlink.name=s"), Is.Positive.And.EqualTo(here.LinesWithheld));
            Assert.That(at.Sum("iotlink.line.duplicates", "iotlink.name=s"), Is.EqualTo(here.DuplicatesReceived));
            Assert.That(at.Sum("iotlink.line.repeats", "iotlink.name=d"), Is.Positive.And.EqualTo(there.LinesRepeated));
            Assert.That(at.Sum("iotlink.line.writes", "iotlink.name=d", "iotlink.role=client"), Is.EqualTo(6));
            Assert.That(at.Sum("iotlink.outbox.lines", "iotlink.name=d"), Is.Positive.And.EqualTo(there.Outbox));
            Assert.That(at.Sum("iotlink.link.keepalives", "iotlink.name=d"), Is.Positive.And.EqualTo(there.Heartbeats));
        });
    }

    [Test]
    public void Counters_do_not_fall_when_a_device_is_forgotten_or_the_server_stops()
    {
        using var at = new MetricReader();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer(configure: o => o with { Telemetry = at.Options, MaxUnknownIds = 1 });
        var first = network.AddDevice("1", server);
        network.RunFor(1.s());
        server.Link("1").Lines.Record();
        _ = first.Link.WriteAsync("line");
        network.RunFor(1.s());
        _ = ((IotLinkClient)first.Link).CloseAsync();
        network.RunFor(1.s());
        Assert.That(at.Sum("iotlink.lines"), Is.EqualTo(1));

        network.AddDevice("2", server);
        network.RunFor(5.s());
        Assert.That(server.Process.Find("1"), Is.Null, "forgotten");
        Assert.That(at.Sum("iotlink.lines"), Is.EqualTo(1));
        Assert.That(at.Sum("iotlink.link.count"), Is.EqualTo(1));
        Assert.That(at.Sum("iotlink.server.forgotten_ids"), Is.EqualTo(1));

        _ = server.Process.StopAsync();
        network.RunFor(10.s());
        Assert.That(at.Sum("iotlink.lines"), Is.EqualTo(1));
        Assert.That(at.Sum("iotlink.server.connections"), Is.EqualTo(2));
        Assert.That(at.Sum("iotlink.link.count"), Is.Zero);
    }

    [Test]
    public void A_device_has_series_of_its_own_if_asked_for_and_while_there_is_a_place()
    {
        using var at = new MetricReader();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer(configure: o => o with { Telemetry = at.Options with { MaxDevices = 2 } });
        foreach (var id in (string[])["a", "b", "c", "d"])
        {
            network.AddDevice(id, server);
            network.RunFor(1.s());
        }

        var up = at.Read().Where(m => m.Instrument.Name == "iotlink.link.count" && m.Has("iotlink.link.state=up")).ToList();

        Assert.That(
            up.Select(m => (m.Tags.SingleOrDefault(t => t.Key == "iotlink.device.id").Value, m.Value)),
            Is.EquivalentTo((IEnumerable<(object?, double)>)[(null, 2), ("a", 1), ("b", 1)]));
    }

    [Test]
    public void By_default_no_metric_names_a_device()
    {
        using var at = new MetricReader();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer(configure: o => o with { Telemetry = at.Options });
        network.AddDevice("a-device", server).Path.Stalls(3.s(), 5.s());
        network.RunFor(20.s());

        Assert.That(at.Read().Concat(at.Of("iotlink.outage.duration")), Is.Not.Empty.And.All.Matches<Metric>(m => m!.Tags.All(t => t.Value?.ToString() != "a-device")));
    }

    [Test]
    public void Refusals_are_counted_by_their_reason_and_openings_are_measured()
    {
        using var at = new MetricReader();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer(configure: o => o with { Telemetry = at.Options, Expected = ["1"], UnknownIds = UnknownIdPolicy.Refuse });
        network.AddDevice("1", server);
        network.AddDevice("stranger", server);
        network.RunFor(1.s());

        var refused = at.Sum("iotlink.server.refusals", "iotlink.refusal.reason=unknown_id");
        Assert.That(refused, Is.Positive.And.EqualTo(server.Process.Counters.Refused[Refusal.UnknownId]));
        Assert.That(at.Sum("iotlink.server.refusals"), Is.EqualTo(refused));
        Assert.That(at.Sum("iotlink.server.connection.count", "iotlink.connection.state=served"), Is.EqualTo(1));
        var openings = at.Of("iotlink.server.opening.duration");
        Assert.That(openings.Count(m => m.Tags.All(t => t.Key != "error.type")), Is.EqualTo(1));
        Assert.That(openings.Count(m => m.Has("error.type=unknown_id")), Is.EqualTo(refused));
    }

    [Test]
    public void The_time_of_a_write_is_measured_until_it_is_accepted_by_each_way_to_write()
    {
        using var at = new MetricReader();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer();
        var device = network.AddDevice("1", server, o => o with { Telemetry = at.Options });
        network.RunFor(1.s());
        server.Link("1").Lines.Record();

        device.Path.Stall();
        _ = device.Link.WriteAsync("one");
        _ = device.Link.WriteAsync("two", new WriteOptions { Key = "k" });
        _ = device.Link.WriteUtf8Async("three"u8.ToArray()).AsTask();
        device.Link.Write("four").Record();
        using (var cancelled = new CancellationTokenSource())
        {
            _ = device.Link.WriteAsync("five", cancellationToken: cancelled.Token);
            cancelled.Cancel();
        }

        Assert.That(at.Of("iotlink.write.duration").Count(m => m.Has("error.type=Rx.IotLink.WriteCancelledException")), Is.EqualTo(1));
        network.RunFor(500.ms());
        Assert.That(at.Of("iotlink.write.duration"), Has.Count.EqualTo(1), "nothing else is accepted");
    }

    [Test]
    public void The_time_of_a_write_holds_the_outage_that_it_survives()
    {
        using var at = new MetricReader();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer();
        var device = network.AddDevice("1", server, o => o with { Telemetry = at.Options });
        network.RunFor(1.s());
        server.Link("1").Lines.Record();

        device.Path.Stalls(1.s(), 10.s());
        network.RunFor(1.s());
        var began = network.Now;
        TimeSpan? ended = null;
        device.Link.Write("four").Subscribe(_ => ended = network.Now);
        _ = device.Link.WriteAsync("one");
        _ = device.Link.WriteUtf8Async("three"u8.ToArray()).AsTask();
        network.RunFor(60.s());

        Assert.That(ended, Is.Not.Null);
        Assert.That(
            at.Of("iotlink.write.duration").Select(m => m.Value),
            Is.EqualTo(Enumerable.Repeat((ended!.Value - began).TotalSeconds, 3)).Within(0.001));
        Assert.That(at.Of("iotlink.write.duration"), Is.All.Matches<Metric>(m => m!.Has("iotlink.delivery=exactly_once") && m.Has("iotlink.role=client") && m.Tags.Length == 2));
    }

    [Test]
    public void The_commits_of_a_store_are_measured_and_those_that_fail_say_so()
    {
        using var at = new MetricReader();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var store = new MemorySessionStore();
        var server = network.AddServer(configure: o => o with { Telemetry = at.Options, SessionStore = store });
        var device = network.AddDevice("1", server);
        network.RunFor(1.s());
        server.Link("1").Lines.Record();
        _ = device.Link.WriteAsync("line");
        network.RunFor(1.s());

        Assert.That(at.Of("iotlink.journal.commit.records"), Is.Not.Empty.And.All.Matches<Metric>(m => m is { Value: >= 1, Tags: [] }));
        Assert.That(at.Of("iotlink.journal.commit.duration"), Has.Count.EqualTo(at.Of("iotlink.journal.commit.records").Count));

        store.Fault = new IOException("the disk is full");
        _ = device.Link.WriteAsync("line");
        network.RunFor(1.s());
        Assert.That(at.Of("iotlink.journal.commit.duration"), Has.Some.Matches<Metric>(m => m!.Has("error.type=System.IO.IOException")));
    }
}
