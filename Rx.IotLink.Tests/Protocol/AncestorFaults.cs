using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Protocol.Replaying;
using static Rx.IotLink.Tests.Protocol.Linking.LinkBench;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>
/// The faults of the ancestor that are faults of its protocol, each played to our ends by a scripted peer.
/// </summary>
[TestFixture(Side.Client)]
[TestFixture(Side.Server)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class AncestorFaults(Side side) : IDisposable
{
    private static readonly (LinkStatus, OutageReason?) Up = (LinkStatus.Up, null);

    private readonly LinkBench bench = new(side);
    private readonly List<LinkNotice> notices = [];

    [SetUp]
    public void Follow() => bench.Link.Notices.Subscribe(notices.Add);

    public void Dispose() => bench.Dispose();

    [Test]
    public void Fault_1_a_repeated_00_is_delivered_twice()
    {
        bench.Listen();
        var peer = Connect();
        Assert.That(Answers(peer, "00a\n"), Is.EqualTo(["00\n"]));
        Assert.That(Answers(peer, "00a\n"), Is.EqualTo(["00\n"]), "the acknowledgement was lost");
        peer = Reconnect(peer);
        Assert.That(Answers(peer, "00a\n"), Is.EqualTo(["00\n"]), "and again");
        Assert.That(bench.Lines, Is.EqualTo(["a"]));
        Assert.That(notices.Select(n => n.Kind), Has.None.EqualTo(LinkNoticeKind.PeerRestarted));

        Assert.That(Answers(peer, "01b\n"), Is.EqualTo(["01\n"]));
        peer = Reconnect(peer);
        Assert.That(Answers(peer, "00a\n"), Is.EqualTo(["00\n"]));
        Assert.That(bench.Lines, Is.EqualTo(["a", "b", "a"]), "a peer that has started anew is not mistaken for one that repeats");
        Assert.That(notices[^1].Kind, Is.EqualTo(LinkNoticeKind.PeerRestarted));
    }

    [TestCase("zz\\n")]
    [TestCase("xyz\\n")]
    [TestCase("\\r\\n")]
    [TestCase("01\\xff\\n")]
    [TestCase("x\\n")]
    public void Fault_2_a_malformed_line_leaves_the_link_up_and_deaf_for_ever(string malformed)
    {
        bench.Listen();
        var peer = Connect();
        peer.Say([.. "00a\n".Bytes(), .. Escaped.ToBytes(malformed), .. "01b\n".Bytes()]);
        Assert.That(bench.State, Is.EqualTo((LinkStatus.Down, (OutageReason?)OutageReason.ProtocolError)));
        Assert.That(peer.IsEnded, Is.True);
        Assert.That(bench.Link.Counters.ProtocolErrors, Is.EqualTo(1));

        peer = Connect();
        Assert.That(Answers(peer, "01b\n"), Is.EqualTo(["01\n"]));
        Assert.That(bench.State, Is.EqualTo(Up));
        Assert.That(bench.Lines, Is.EqualTo(["a", "b"]), "what came before it is kept");
    }

    [Test]
    public void Fault_5_more_than_127_in_flight_make_the_peers_filter_drop_new_lines_and_let_old_ones_in()
    {
        var texts = Enumerable.Range(0, 700).Select(i => $"x{i}").ToList();
        var accepted = 0;
        foreach (var text in texts)
            bench.Link.Write(text, ordering: Ordering.Concurrent).Subscribe(_ => accepted++);

        // A peer with the ancestor's filter, which loses every seventh acknowledgement, and its connection now and
        // then.
        var (filter, delivered, said) = (new AncestorFilter(), new List<string>(), 0);
        var peer = Connect();
        for (var round = 0; accepted < texts.Count; round++)
        {
            foreach (var line in peer.Take().SelectMany(packet => packet.Split('\n')).Where(line => line.Length > 2 && line != ProtocolDriver.Id))
            {
                if (filter.IsNew(Convert.FromHexString(line[..2])[0]))
                    delivered.Add(line[2..]);
                peer.Say(said++ % 7 == 3 ? "\n" : line[..2] + "\n");
            }

            bench.Advance(T / 2);
            peer.Say("\n");
            if (round % 10 == 9)
                peer = Reconnect(peer);
            Assert.That(round, Is.LessThan(1_000));
        }

        Assert.That(delivered, Is.EquivalentTo(texts), "each once");
    }

    [Test]
    public void Fault_5_more_than_127_in_flight_from_the_peer_are_each_delivered_once_however_slowly()
    {
        var peer = Connect();
        var lines = Enumerable.Range(0, 200).Select(i => $"{i:x2}x{i}\n").ToList();
        peer.Say(string.Concat(lines));
        bench.Advance(T / 2);
        peer.Say(string.Concat(lines));
        bench.Listen();
        bench.Advance(T / 4);
        peer.Say(string.Concat(lines));
        bench.Advance(Tick);
        Assert.That(bench.Lines, Is.EqualTo(lines.Select(line => line[2..^1])));
    }

    [Test]
    public void Fault_6_a_partial_line_of_a_broken_connection_is_glued_to_the_first_line_of_the_next()
    {
        bench.Listen();
        var peer = Connect();
        peer.Say("00hel");
        peer.Reset();
        peer = Connect();
        Assert.That(Answers(peer, "00hello\n"), Is.EqualTo(["00\n"]));
        Assert.That(bench.Lines, Is.EqualTo(["hello"]));
        Assert.That(bench.State, Is.EqualTo(Up));
    }

    [TestCase("")]
    [TestCase("a\n01forged")]
    [TestCase("\n")]
    public void Fault_7_an_empty_line_repeats_for_ever_and_an_embedded_LF_forges_a_line(string text)
    {
        var peer = Connect();
        peer.Take();
        Assert.That(() => bench.Link.WriteAsync(text), Throws.ArgumentException);
        Assert.That(() => bench.Link.Write(text), Throws.ArgumentException);
        Assert.That(() => bench.Link.Write(text, Delivery.BestEffort), Throws.ArgumentException);
        Assert.That(() => bench.Link.Writer.OnNext(text), Throws.ArgumentException);
        Assert.That(peer.Take(), Is.Empty);
        bench.Link.Writer.OnNext("good");
        Assert.That(peer.Take(), Is.EqualTo(["00good\n"]), "later writes are not blocked");
    }

    [Test]
    public void Fault_8_a_clock_stepped_by_hand_closes_healthy_links([Values(-100_000_000, -3_600, -3, 3, 3_600, 100_000_000)] int seconds)
    {
        var time = new TestScheduler();
        var clock = new SteppedScheduler(time) { Step = TimeSpan.FromDays(20_000) };
        using var stepped = new LinkBench(side, scheduler: time, seen: clock);
        var peer = stepped.Serve();
        peer.Say("\n");
        stepped.Advance(ProtocolDriver.SettlingTime);
        stepped.Link.Write("a").Subscribe();
        var written = stepped.Now;
        peer.Take();
        for (var i = 0; i < 20; i++)
        {
            clock.Step += TimeSpan.FromSeconds(i % 5 == 2 ? seconds : 0);
            stepped.Advance(T / 8);
            peer.Say("\n");
        }

        Assert.That(stepped.State, Is.EqualTo(Up));
        Assert.That(peer.Heard.Where(h => h.Packet == "00a\n").Select(h => h.Tick), Is.EqualTo([(written + T).Ticks, (written + (2 * T)).Ticks]), "repeated every T");
        Assert.That(peer.Heard.Count(h => h.Packet == "\n"), Is.InRange(8, 10), "and keepalives went on");

        clock.Step += TimeSpan.FromSeconds(seconds);
        stepped.Advance(T - Tick);
        Assert.That(stepped.State, Is.EqualTo(Up));
        stepped.Advance(Tick);
        Assert.That(stepped.State, Is.EqualTo((LinkStatus.Down, (OutageReason?)OutageReason.Silence)), "a silence is still a silence, after exactly T");
    }

    [Test]
    public void Fault_10_lines_that_were_acknowledged_but_not_read_are_lost_in_a_restart()
    {
        var peer = Connect();
        Assert.That(Answers(peer, "00a\n01b\n"), Is.Empty, "nobody has read them: the peer keeps them");
        bench.Listen();
        bench.Advance(Tick);
        Assert.That(string.Concat(peer.Take()), Is.EqualTo("00\n01\n"));
    }

    [Test]
    public void Fault_10_after_a_restart_whose_01_comes_before_its_00_lines_are_acknowledged_and_dropped()
    {
        bench.Listen();
        var peer = Connect();
        Answers(peer, "00a\n01b\n02c\n");
        peer = Reconnect(peer);
        Answers(peer, "01x\n02y\n");
        Answers(peer, "00z\n");
        Assert.That(bench.Lines, Is.EqualTo(["a", "b", "c", "x", "y", "z"]));
        Assert.That(notices.Select(n => n.Kind), Is.EqualTo([LinkNoticeKind.PeerRestarted]), "and the application gets a notice");
    }

    [Test]
    public void Fault_10_a_restart_of_the_peer_makes_unacknowledged_lines_vanish()
    {
        var finished = new List<string>();
        var peer = Connect();
        foreach (var text in new[] { "p", "q", "r" })
            bench.Link.Write(text).Subscribe(_ => finished.Add(text));
        Answers(peer, "00a\n");
        peer = Reconnect(peer);
        for (var mid = 0; mid < 3; mid++)
        {
            // Its filter is empty, its own lines begin anew; ours go on.
            peer.Say($"00x\n{mid:x2}\n");
            bench.Advance(Tick);
        }

        Assert.That(finished, Is.EqualTo(["p", "q", "r"]));
        Assert.That(peer.Take(), Does.Contain("01q\n").And.Contain("02r\n"));
    }

    /// <summary>A connection on which messages flow.</summary>
    private ScriptedPeer Connect()
    {
        var peer = bench.Serve();
        peer.Say("\n");
        bench.Advance(ProtocolDriver.SettlingTime);
        return peer;
    }

    /// <summary>The connection breaks, and the peer comes back after the time that its protocol asks for.</summary>
    private ScriptedPeer Reconnect(ScriptedPeer peer)
    {
        peer.Reset();
        bench.Advance(2 * T);
        return Connect();
    }

    /// <summary>What is answered when the application has had its time.</summary>
    private string[] Answers(ScriptedPeer peer, string bytes)
    {
        peer.Take();
        peer.Say(bytes);
        bench.Advance(Tick);
        return peer.Take();
    }
}
