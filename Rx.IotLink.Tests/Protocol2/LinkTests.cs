using System.Reactive.Concurrency;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>What protocol 2 does for the real client and server, in virtual time.</summary>
public sealed class LinkTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Test]
    public void Without_an_observer_a_window_of_lines_waits_and_the_link_lives()
    {
        using var link = SimulatedLink.Start(server: o => o with { InboxLines = 4 });
        var written = Enumerable.Range(0, 20).Select(n => $"{n}").ToArray();
        link.Run(Second);

        foreach (var line in written)
            link.Client.Write(line).Subscribe();
        link.Run(60 * Second);
        var (server, client) = (link.ServerEnd.Counters, link.Client.Counters);
        var received = new List<string>();
        link.ServerEnd.Lines.Subscribe(received.Add);
        link.Run(Second);

        Assert.Multiple(() =>
        {
            Assert.That((server.Inbox, server.LinesWithheld, server.DuplicatesReceived), Is.EqualTo((4, 0L, 0L)));
            Assert.That((client.Outbox, client.LinesRepeated, client.Outages), Is.EqualTo((20, 0L, 0L)));
            Assert.That(client.Heartbeats, Is.GreaterThanOrEqualTo(110), "keepalives go on");
            Assert.That(received, Is.EqualTo(written));
            Assert.That(link.Client.Counters.Outbox, Is.Zero);
        });
    }

    [Test]
    public void A_reader_that_takes_a_line_a_second_gets_all_in_order_without_repetitions()
    {
        using var link = SimulatedLink.Start(server: o => o with { InboxLines = 8 });
        var written = Enumerable.Range(0, 60).Select(n => $"{n}").ToArray();
        var read = new List<string>();
        link.Run(Second);

        foreach (var line in written)
            link.Client.Write(line).Subscribe();
        foreach (var n in Enumerable.Range(1, 60))
            link.Scheduler.Schedule((n + 1) * Second, () => link.ServerEnd.Lines.Take(1).Subscribe(read.Add));
        link.Run(70 * Second);

        Assert.Multiple(() =>
        {
            Assert.That(read, Is.EqualTo(written));
            Assert.That(link.Client.Counters.LinesRepeated, Is.Zero);
            Assert.That(link.Client.Counters.LinesAcknowledged, Is.EqualTo(60));
        });
    }

    [Test]
    public void A_line_that_is_too_long_for_the_peer_is_reported_to_its_writer()
    {
        using var link = SimulatedLink.Start(server: o => o with { MaxLineBytes = 5 });
        var notices = new List<LinkNotice>();
        var received = new List<string>();
        Exception? error = null;
        link.Client.Notices.Subscribe(notices.Add);
        link.Server.Links.Subscribe(l => l.Lines.Subscribe(received.Add));
        link.Client.Write("123456").Subscribe(_ => { }, e => error = e);
        link.Client.Write("12345").Subscribe();

        link.Run(Second);

        Assert.Multiple(() =>
        {
            Assert.That(error, Is.InstanceOf<InvalidLineException>());
            Assert.That(notices.Single().Kind, Is.EqualTo(LinkNoticeKind.LineImpossible));
            Assert.That(received, Is.EqualTo(new[] { "12345" }));
            Assert.That(() => link.Client.Write("äöü"), Throws.ArgumentException.With.Message.Contains("5 bytes"), "the limit is known now");
        });
    }

    [TestCase(8, 5, false)]
    [TestCase(8, 9, true)]
    [TestCase(1, 2, true)]
    public void The_timeout_of_the_server_holds_for_the_client(int timeout, int silence, bool outage)
    {
        using var link = SimulatedLink.Start(client: o => o with { Timeout = 3 * Second }, server: o => o with { Timeout = timeout * Second });
        link.Run(Second);

        using var stall = link.Path.Stall(StallDirection.Down);
        link.Run(silence * Second);

        Assert.That(link.Client.Counters.Outages, Is.EqualTo(outage ? 1 : 0));
    }

    [Test]
    public void The_servers_advice_to_retry_is_never_undercut_and_has_jitter()
    {
        var advice = 5 * Second;
        var firsts = new HashSet<TimeSpan>();
        for (var seed = 1; seed <= 10; seed++)
        {
            using var link = SimulatedLink.Start(seed, client: o => o with { BackOff = BackOff.Default with { Initial = TimeSpan.FromMilliseconds(1) } }, server: o => o with { RetryAfter = advice, Timeout = 60 * Second });
            var squatter = new Protocol.Linking.ScriptedPeer(() => link.Scheduler.Clock);
            _ = link.Server.ServeAsync(squatter);
            squatter.Say(ServerBench.Opening("0000000000000001", id: SimulatedLink.Id) + "\n");

            link.Run(40 * Second);

            var gaps = link.Path.Attempts.Zip(link.Path.Attempts.Skip(1), (a, b) => b - a).ToArray();
            Assert.That(gaps, Has.Length.GreaterThan(3));
            Assert.That(gaps, Is.All.GreaterThanOrEqualTo(advice).And.All.LessThan(1.6 * advice));
            firsts.Add(gaps[0]);
        }

        Assert.That(firsts, Has.Count.GreaterThan(5), "not all of them come back together");
    }

    [Test]
    public async Task A_server_that_stops_says_farewell_and_that_is_no_outage()
    {
        using var link = SimulatedLink.Start();
        link.Run(Second);
        var before = link.Scheduler.Clock;

        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await link.Server.StopAsync(now.Token);
        link.Run(TimeSpan.FromMilliseconds(10));
        var state = await link.Client.State.FirstAsync();

        Assert.Multiple(() =>
        {
            Assert.That((state.Status, state.Outage?.Reason), Is.EqualTo((LinkStatus.Down, OutageReason.PeerLeft)));
            Assert.That(TimeSpan.FromTicks(state.Since.Ticks - before), Is.LessThan(TimeSpan.FromMilliseconds(10)), "at once");
            Assert.That(link.Client.Counters.Outages, Is.Zero);
        });
    }

    [Test]
    public async Task A_client_that_closes_says_farewell_and_that_is_no_outage()
    {
        using var link = SimulatedLink.Start();
        link.Run(Second);

        await ((IotLinkClient)link.Client).CloseAsync();
        link.Run(TimeSpan.FromMilliseconds(10));
        var state = await link.ServerEnd.State.FirstAsync();

        Assert.Multiple(() =>
        {
            Assert.That((state.Status, state.Outage?.Reason), Is.EqualTo((LinkStatus.Down, OutageReason.PeerLeft)));
            Assert.That(link.ServerEnd.Counters.Outages, Is.Zero);
        });
    }

    [Test]
    public async Task A_displaced_client_comes_back_after_its_longest_pause()
    {
        var key = Enumerable.Range(0, 16).Select(n => (byte)n).ToArray();
        using var link = SimulatedLink.Start(client: o => o with { Key = key }, server: o => o with { KeyOf = _ => key });
        link.Run(Second);
        await using var second = IotLinkClient.Start(new IotLinkClientOptions
        {
            Host = "simulated", Id = SimulatedLink.Id, Key = key, Scheduler = link.Scheduler, Seed = 9, DrainTimeout = TimeSpan.Zero,
            Transport = link.AnotherPath("another way"),
        });

        link.Run(14 * Second);
        var (displaced, winner) = (await link.Client.State.FirstAsync(), await second.State.FirstAsync());
        var attempts = link.Path.Attempts.Count;
        link.Run(16 * Second);

        Assert.Multiple(() =>
        {
            Assert.That((displaced.Status, displaced.Outage?.Reason), Is.EqualTo((LinkStatus.Down, OutageReason.Displaced)));
            Assert.That(winner.IsUp, Is.True);
            Assert.That(attempts, Is.EqualTo(1), "half of 30 s is not over");
            // The name may belong to either device: the server cannot know which one is wrong.
            Assert.That(link.Path.Attempts, Has.Count.GreaterThan(1));
        });
    }
}
