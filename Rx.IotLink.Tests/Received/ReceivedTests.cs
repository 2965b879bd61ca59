using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Received;

/// <summary>
/// Lines that the application accepts itself: when they count, what is open meanwhile, and who is given it.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ReceivedTests : IDisposable
{
    private readonly List<ReceivedLine> received = [];
    private readonly List<int> accepted = [];
    private SimulatedLink link = null!;
    private Ordering ordering;
    private int written;

    public void Dispose() => link.Dispose();

    [TestCase(1)]
    [TestCase(2)]
    public void A_line_is_acknowledged_when_it_is_accepted_and_not_before(int protocol)
    {
        Start(protocol);
        using var observing = link.ServerEnd.Received.Subscribe(received.Add);
        Write("a", "b");
        link.Run(5.s());
        Assert.That(received.Select(l => l.Text), Is.EqualTo(["a", "b"]));
        Assert.That((accepted.Count, link.ServerEnd.Counters.Inbox), Is.EqualTo((0, 2)));

        received[0].Accept();
        link.Run(1.s());
        Assert.That(accepted, Is.EqualTo([0]));
        received[1].Accept();
        link.Run(1.s());
        Assert.That(accepted, Is.EqualTo([0, 1]));
        Assert.That((received.Count, link.ServerEnd.Counters.Inbox, link.ServerEnd.Counters.LinesReceived), Is.EqualTo((2, 0, protocol == 1 ? 3 : 2)));
    }

    [TestCase(1)]
    [TestCase(2)]
    public void Lines_that_are_accepted_in_any_order_count_in_their_own(int protocol)
    {
        Start(protocol);
        using var observing = link.ServerEnd.Received.Subscribe(received.Add);
        Write("a", "b", "c", "d");
        link.Run(5.s());
        received[2].Accept();
        received[1].Accept();
        link.Run(5.s());
        Assert.That(accepted, Is.Empty, "the first is open");
        received[0].Accept();
        link.Run(1.s());
        Assert.That(accepted, Is.EquivalentTo([0, 1, 2]));
        received[3].Accept();
        link.Run(1.s());
        Assert.That(accepted, Is.EquivalentTo([0, 1, 2, 3]));
    }

    [Test]
    public void A_line_that_is_accepted_twice_counts_once()
    {
        Start();
        using var observing = link.ServerEnd.Received.Subscribe(received.Add);
        Write("a", "b", "c");
        link.Run(1.s());
        for (var n = 0; n < 3; n++)
            received[0].Accept();
        link.Run(1.s());
        Assert.That(accepted, Is.EqualTo([0]));
        Assert.That((received[0].IsAccepted, received[1].IsAccepted), Is.EqualTo((true, false)));
    }

    [Test]
    public void Open_lines_take_the_room_of_the_inbox()
    {
        Start(server: o => o with { InboxLines = 4 });
        using var observing = link.ServerEnd.Received.Subscribe(received.Add);
        Write([.. Enumerable.Range(0, 10).Select(n => $"{n}")]);
        link.Run(10.s());
        Assert.That(received, Has.Count.EqualTo(4));
        received[1].Accept();
        link.Run(10.s());
        Assert.That(received, Has.Count.EqualTo(4), "what waits for another makes no room");
        received[0].Accept();
        link.Run(10.s());
        Assert.That(received.Select(l => l.Text), Is.EqualTo(["0", "1", "2", "3", "4", "5"]));
    }

    [Test]
    public void Whoever_subscribes_is_first_given_what_is_open_and_misses_nothing()
    {
        Start();
        var early = new List<ReceivedLine>();
        using (link.ServerEnd.Received.Subscribe(early.Add))
        {
            Write("a", "b", "c");
            link.Run(1.s());
        }

        early[1].Accept();
        Write("d");
        link.Run(1.s());
        using var observing = link.ServerEnd.Received.Subscribe(received.Add);
        link.Run(1.s());
        Assert.That(received.Select(l => l.Text), Is.EqualTo(["a", "c", "d"]));
        Assert.That(received[0].Line, Is.EqualTo(early[0].Line), "it is the same line");
        foreach (var line in received)
            line.Accept();
        link.Run(1.s());
        Assert.That(accepted, Is.EqualTo([0, 1, 2, 3]));
    }

    [Test]
    public void A_line_can_be_accepted_after_its_subscription_has_ended()
    {
        Start();
        link.ServerEnd.Received.Take(1).Subscribe(received.Add);
        Write("a", "b");
        link.Run(1.s());
        link.ServerEnd.Received.Take(1).Subscribe(received.Add);
        link.Run(1.s());
        Assert.That(received.Select(l => l.Text), Is.EqualTo(["a", "a"]), "the oldest that is open, and no other");
        received[0].Accept();
        link.ServerEnd.Received.Take(1).Subscribe(received.Add);
        link.Run(1.s());
        Assert.That((accepted.Count, received[^1].Text), Is.EqualTo((1, "b")));
    }

    [Test]
    public void An_observer_that_throws_leaves_its_line_to_the_next()
    {
        Start();
        var notices = new List<LinkNotice>();
        using var telling = link.ServerEnd.Notices.Subscribe(notices.Add);
        link.ServerEnd.Received.Subscribe(_ => throw new InvalidOperationException("planted"));
        Write("a", "b");
        link.Run(1.s());
        Assert.That(notices.Single().Kind, Is.EqualTo(LinkNoticeKind.ObserverFailed));
        using var observing = link.ServerEnd.Received.Subscribe(line => received.AddAndAccept(line));
        link.Run(1.s());
        Assert.That(received.Select(l => l.Text), Is.EqualTo(["a", "b"]));
        Assert.That(accepted, Is.EqualTo([0, 1]));
    }

    /// <summary>Lines that nobody has to accept wait behind one that is open.</summary>
    [Test]
    public void An_open_line_holds_back_what_is_handed_to_others_behind_it()
    {
        Start();
        link.ServerEnd.Received.Take(1).Subscribe(received.Add);
        Write("a");
        link.Run(1.s());
        var lines = new List<string>();
        using var observing = link.ServerEnd.Lines.Subscribe(lines.Add);
        Write("b", "c");
        link.Run(1.s());
        Assert.That((string.Concat(lines), accepted.Count), Is.EqualTo(("bc", 0)));
        received[0].Accept();
        link.Run(1.s());
        Assert.That(accepted, Is.EqualTo([0, 1, 2]));
        Write("d");
        link.Run(1.s());
        Assert.That(accepted, Is.EqualTo([0, 1, 2, 3]), "what comes then counts at once");
    }

    [Test]
    public void A_line_that_both_have_is_accepted_when_both_are_done()
    {
        Start();
        var lines = new List<string>();
        using var observing = link.ServerEnd.Lines.Subscribe(lines.Add);
        using var naming = link.ServerEnd.Received.Subscribe(received.Add);
        Write("a");
        link.Run(1.s());
        Assert.That((lines.Count, received.Count, accepted.Count), Is.EqualTo((1, 1, 0)));
        received[0].Accept();
        link.Run(1.s());
        Assert.That(accepted, Is.EqualTo([0]));
    }

    [TestCase(1)]
    [TestCase(2)]
    public void An_outage_gives_no_open_line_again(int protocol)
    {
        Start(protocol);
        using var observing = link.ServerEnd.Received.Subscribe(received.Add);
        Write("a", "b");
        link.Run(5.s());
        link.Path.Kill(reset: true);
        link.Run(20.s());
        received[0].Accept();
        received[1].Accept();
        link.Run(10.s());
        Assert.That((received.Count, accepted.Count), Is.EqualTo((2, 2)));
    }

    [Test]
    public void The_names_are_those_of_the_wire_and_grow_in_order()
    {
        Start();
        using var observing = link.ServerEnd.Received.Subscribe(line => received.AddAndAccept(line));
        Write("a", "b", "ü");
        link.Run(1.s());
        Assert.That(received.Select(l => l.Line.Number), Is.EqualTo([1, 2, 3]));
        Assert.That(received.Select(l => (l.Line.Epoch, l.DeviceId, l.Delivery)).Distinct().Count(), Is.EqualTo(1));
        Assert.That(received[0].Line.Epoch, Is.Not.Zero);
        Assert.That((received[2].Text, received[2].Utf8.Length), Is.EqualTo(("ü", 2)));
        Assert.That(received[2].ToString(), Is.EqualTo($"{SimulatedLink.Id} {received[0].Line.Epoch:x16}/3"));
    }

    [TestCase(1)]
    [TestCase(2)]
    public void What_has_no_number_on_the_wire_is_counted_here(int protocol)
    {
        Start(protocol);
        using var observing = link.ServerEnd.Received.Subscribe(line => received.AddAndAccept(line));
        link.Run(5.s());
        foreach (var n in Enumerable.Range(0, 4))
            _ = link.Client.WriteAsync($"{n}", protocol == 2 && n % 2 == 0 ? Delivery.BestEffort : Delivery.ExactlyOnce);
        link.Run(5.s());
        Assert.That(received.Select(l => l.Line).Distinct().Count(), Is.EqualTo(4));
        if (protocol == 2)
            Assert.That(received.Select(l => (l.Delivery, l.Line.Number)), Is.EqualTo([(Delivery.BestEffort, 1), (Delivery.ExactlyOnce, 1), (Delivery.BestEffort, 2), (Delivery.ExactlyOnce, 2)]));
        else
            Assert.That(received.Select(l => (l.Delivery, l.Line.Number)), Is.EqualTo([(Delivery.ExactlyOnce, 2), (Delivery.ExactlyOnce, 3), (Delivery.ExactlyOnce, 4), (Delivery.ExactlyOnce, 5)]));
    }

    [Test]
    public void A_line_that_is_open_for_long_is_reported_once()
    {
        Start();
        var notices = new List<LinkNotice>();
        using var telling = link.ServerEnd.Notices.Subscribe(notices.Add);
        using var observing = link.ServerEnd.Received.Subscribe(received.Add);
        Write("a", "b");
        link.Run(9.s());
        Assert.That(notices, Is.Empty);
        link.Run(60.s());
        Assert.That(notices.Single().Detail, Does.StartWith("a line that Received gave was not accepted for 10 s;"));
        received[0].Accept();
        received[1].Accept();
        link.Run(60.s());
        Assert.That((notices.Count, link.ServerEnd.Counters.SlowObservers), Is.EqualTo((1, 1)).Or.EqualTo((2, 2)), "each line once at most");
    }

    [Test]
    public void The_end_waits_for_open_lines_as_long_as_for_an_observer()
    {
        Start(server: o => o with { DrainTimeout = 5.s() });
        using var observing = link.ServerEnd.Received.Subscribe(received.Add);
        Write("a");
        link.Run(1.s());
        var stopping = link.Server.StopAsync();
        link.Run(2.s());
        Assert.That(stopping.IsCompleted, Is.False);
        received[0].Accept();
        link.Run(1.s());
        Assert.That(stopping.IsCompleted, Is.True);
        Assert.That(accepted, Is.EqualTo([0]));
    }

    [Test]
    public void The_end_does_not_wait_where_nobody_is_left_to_accept()
    {
        Start(server: o => o with { DrainTimeout = 5.s() });
        var observing = link.ServerEnd.Received.Subscribe(received.Add);
        Write("a");
        link.Run(1.s());
        var stopping = link.Server.StopAsync();
        link.Run(1.s());
        observing.Dispose();
        link.Run(0.5.s());
        Assert.That(stopping.IsCompleted, Is.True);
        received[0].Accept();
        link.Run(5.s());
        Assert.That(accepted, Is.Empty, "it is not accepted after the end");
    }

    private void Start(int protocol = 2, Func<Rx.IotLink.Server.IotLinkServerOptions, Rx.IotLink.Server.IotLinkServerOptions>? server = null)
    {
        link = SimulatedLink.Start(client: o => o with { Protocol = protocol }, server: server);
        link.Run(1.s());
        if (protocol == 2)
            return;
        // Behind the first line of a process none is sent before that is acknowledged; and of ordered lines one at a
        // time.
        ordering = Ordering.Concurrent;
        link.ServerEnd.Received.Take(1).Subscribe(line => line.Accept());
        link.Client.Writer.OnNext("first");
        link.Run(5.s());
    }

    private void Write(params string[] lines)
    {
        foreach (var line in lines)
        {
            var number = written++;
            link.Client.Write(line, ordering: ordering).Subscribe(_ => accepted.Add(number), _ => { });
        }
    }
}

internal static class ReceivedLineExtensions
{
    public static void AddAndAccept(this List<ReceivedLine> lines, ReceivedLine line)
    {
        lines.Add(line);
        line.Accept();
    }
}
