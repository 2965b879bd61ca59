using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>
/// Memory of a server: all links share a budget of bytes. Who holds its part is slowed, and nothing else: it stays up,
/// and all its lines come, once and in order.
/// </summary>
public sealed class BudgetTests
{
    private const int Budget = 100_000;
    private static readonly string Payload = new('x', 3_900);

    [Test]
    public void One_whose_lines_nobody_reads_is_slowed_and_stays_up([Values(1, 2)] int protocol)
    {
        using var network = Network();
        var server = network.AddServer(configure: o => o with { MaxBufferedBytes = Budget });
        var greedy = network.AddDevice("greedy", server, o => o with { Protocol = protocol });
        network.RunFor(1.s());
        Say(greedy, 100);
        network.RunFor(2.s());
        var heartbeats = (greedy.Link.Counters.Heartbeats, server.Link("greedy").Counters.Heartbeats);

        network.RunFor(10.min());

        var here = server.Link("greedy").Counters;
        Assert.Multiple(() =>
        {
            // Protocol 1 says nothing behind its first line before that was accepted.
            Assert.That(here.Inbox, protocol == 1 ? Is.EqualTo(1) : Is.InRange(5, 20), "about half of the budget");
            Assert.That(server.Process.Counters.BufferedBytes, Is.InRange(4_096, Budget));
            Assert.That(here.Outages + greedy.Link.Counters.Outages, Is.Zero);
            Assert.That(greedy.Link.Counters.Heartbeats, Is.GreaterThan(heartbeats.Item1), "keepalives of the server");
            Assert.That(here.Heartbeats, Is.GreaterThan(heartbeats.Item2), "keepalives of the device");
        });
    }

    [Test]
    public void All_its_lines_come_once_and_in_order_when_they_are_read([Values(1, 2)] int protocol)
    {
        using var network = Network();
        var server = network.AddServer(configure: o => o with { MaxBufferedBytes = Budget });
        var greedy = network.AddDevice("greedy", server, o => o with { Protocol = protocol });
        network.RunFor(1.s());
        var written = Say(greedy, 100);
        network.RunFor(2.min());
        var acknowledged = written.Count;

        var lines = server.Link("greedy").Lines.Record();
        network.RunFor(2.min());

        Assert.That(acknowledged, Is.Zero, "what nobody has read is not acknowledged");
        Assert.That(lines.Values, protocol == 2 ? Is.EqualTo(Enumerable.Range(1, 100).Select(Line)) : Is.EquivalentTo(Enumerable.Range(1, 100).Select(Line)));
        Assert.That(written, Has.Count.EqualTo(100));
        Assert.That(server.Process.Counters.BufferedBytes, Is.Zero);
    }

    [Test]
    public void Small_ones_go_on_whatever_the_greedy_hold([Values(1, 2)] int protocol)
    {
        using var network = Network();
        var server = network.AddServer(configure: o => o with { MaxBufferedBytes = Budget });
        var greedy = Enumerable.Range(0, 10).Select(n => network.AddDevice($"greedy-{n}", server)).ToList();
        var small = network.AddDevice("small", server, o => o with { Protocol = protocol });
        network.RunFor(1.s());
        greedy.ForEach(g => Say(g, 50));
        network.RunFor(30.s());

        var lines = server.Link("small").Lines.Record();
        var toSmall = small.Link.Lines.Record();
        for (var n = 1; n <= 50; n++)
        {
            small.Link.Write($"{n}").Subscribe();
            server.Link("small").Write($"to {n}").Subscribe();
            network.RunFor(100.ms());
        }

        Assert.That(lines.Values, Is.EqualTo(Enumerable.Range(1, 50).Select(n => $"{n}")));
        Assert.That(toSmall.Values, Is.EqualTo(Enumerable.Range(1, 50).Select(n => $"to {n}")));
        Assert.That(server.Process.Counters.BufferedBytes, Is.LessThan((3 * Budget / 2) + (11 * 8_192)), "one and a half, and a line each");
        Assert.That(greedy.Sum(g => g.Link.Counters.Outages), Is.Zero);
    }

    /// <summary>
    /// The server's application reads its next line only when its answer to the last was accepted. That acknowledgement
    /// is behind lines that are not read, as the link holds its part, until the application reads on.
    /// </summary>
    [TestCase(1, 65_536)]
    [TestCase(2, 65_536)]
    [TestCase(2, 300_000)]
    public void Two_ends_do_not_wait_for_each_other_for_ever(int protocol, int budget)
    {
        using var network = Network();
        var read = new List<string>();
        var server = network.AddServer(
            configure: o => o with { MaxBufferedBytes = budget },
            app: (process, clock) => process.Links.Where(link => link.Id == "first").Subscribe(link => { _ = AnswerAsync(link, read); }));
        for (var n = 0; n < 7; n++)
            Say(network.AddDevice($"greedy-{n}", server), 50);
        var first = network.AddDevice("first", server, o => o with { Protocol = protocol });
        var answers = first.Link.Lines.Record();
        Say(first, 60);

        network.RunFor(30.min());

        Assert.That(read, protocol == 2 ? Is.EqualTo(Enumerable.Range(1, 60).Select(Line)) : Is.EquivalentTo(Enumerable.Range(1, 60).Select(Line)));
        Assert.That(answers.Values, Is.EqualTo(Enumerable.Range(1, 60).Select(n => $"answer {n}")));
        Assert.That(first.Link.Counters.Outages + server.Link("first").Counters.Outages, Is.Zero);
        Assert.That(server.Process.Counters.LinksSlowed, Is.GreaterThan(7), "it was short, too");
    }

    [Test]
    public void A_device_that_dies_while_it_is_slowed_is_missed()
    {
        using var network = Network();
        var server = network.AddServer(configure: o => o with { MaxBufferedBytes = Budget });
        var greedy = network.AddDevice("greedy", server);
        network.RunFor(1.s());
        Say(greedy, 50);
        network.RunFor(30.s());
        var outages = server.Link("greedy").Counters.Outages;
        var states = server.Link("greedy").State.Record();

        greedy.Path.Stalls(at: network.Now, lasting: 60.min());
        network.RunFor(5 * new IotLinkServerOptions().Timeout);

        Assert.That(outages, Is.Zero);
        Assert.That(states.Values[^1].Outage?.Reason, Is.EqualTo(OutageReason.Silence));
    }

    [Test]
    public void One_that_waits_is_read_again_when_others_have_given_back()
    {
        using var network = Network();
        var server = network.AddServer(configure: o => o with { MaxBufferedBytes = Budget });
        var (first, second) = (network.AddDevice("first", server), network.AddDevice("second", server));
        network.RunFor(1.s());
        Say(first, 50);
        network.RunFor(1.s());
        Say(second, 50);
        network.RunFor(20.s());
        var before = server.Link("second").Counters.Inbox;

        server.Link("first").Lines.Record();
        network.RunFor(1.min());

        Assert.That(server.Link("second").Counters.Inbox, Is.GreaterThan(before));
    }

    /// <summary>It may be a ghost: its device, back with the same memory, is not kept waiting by it.</summary>
    [Test]
    public async Task One_that_waits_can_be_displaced_and_closed([Values(1, 64)] int lines)
    {
        using var bench = new ServerBench(o => o with { MaxBufferedBytes = Budget });
        var ghost = bench.Connect(ServerBench.Opening("1", id: "greedy"));
        Say(ghost, lines);
        bench.Run(TimeSpan.FromMilliseconds(1));

        var again = bench.Connect(ServerBench.Opening("1", connection: 2, id: "greedy"));
        bench.Run(TimeSpan.FromMilliseconds(1));
        // The last step of its end may be another thread's.
        await Bound.EventuallyAsync(() => bench.Server.Counters.Connections == 1);
        Say(again, 64);
        bench.Run(TimeSpan.FromMilliseconds(1));
        bench.Dispose();

        Assert.That(string.Concat(ghost.Take()), Does.EndWith("!bye displaced\n"));
        Assert.That(ghost.IsEnded);
        Assert.That(again.IsEnded);
        await Bound.EventuallyAsync(() => bench.Server.Counters.Connections == 0);
    }

    [Test]
    public void What_is_being_sent_counts_too()
    {
        using var bench = new ServerBench(o => o with { MaxBufferedBytes = 65_536 });
        for (var n = 0; n < 20; n++)
        {
            var peer = new ScriptedPeer(() => bench.Scheduler.Clock, reads: false);
            _ = bench.Server.ServeAsync(peer);
            peer.Say(ServerBench.Opening("1", id: $"deaf-{n}") + "\n");
            bench.Run(TimeSpan.FromMilliseconds(1));
            for (var line = 0; line < 30; line++)
                _ = bench.Server.Find($"deaf-{n}")!.WriteAsync(Payload);
        }

        bench.Run(TimeSpan.FromMilliseconds(1));

        Assert.That(bench.Server.Counters.BufferedBytes, Is.LessThan((3 * 65_536 / 2) + (20 * 8_192)), "and not 20 times 32 KB");
    }

    /// <summary>
    /// A peer of protocol 1 that says lines behind its first: they are held until it has that one's acknowledgement.
    /// </summary>
    [Test]
    public void What_protocol_1_holds_back_counts_too()
    {
        using var bench = new ServerBench(o => o with { MaxBufferedBytes = 65_536 });
        foreach (var peer in Enumerable.Range(0, 40).Select(n => bench.Connect($"old-{n}")).ToList())
        {
            peer.Say($"00{Payload}\n");
            for (var line = 1; line <= 16; line++)
                peer.Say($"{line:x2}{Payload}\n");
        }

        Assert.That(bench.Server.Counters.BufferedBytes, Is.LessThan((3 * 65_536 / 2) + (40 * 8_192)), "and not 40 times 64 KB");
        Assert.That(bench.Server.GetConnections().Sum(device => device.Counters.LinesWithheld), Is.Positive, "some found no room, and others are not read");
        bench.Run(TimeSpan.FromSeconds(1));
        Assert.That(bench.Server.Counters.BufferedBytes, Is.LessThan((3 * 65_536 / 2) + (40 * 8_192)), "nor when they are released");
    }

    [Test]
    public void It_is_counted_and_logged_a_few_times_at_most()
    {
        var log = new TestLog();
        using var bench = new ServerBench(o => o with { MaxBufferedBytes = 65_536, LoggerFactory = log });
        for (var n = 0; n < 30; n++)
            Say(bench.Connect(ServerBench.Opening("1", id: $"greedy-{n}")), 64);
        bench.Run(TimeSpan.FromSeconds(60));

        Assert.That(bench.Server.Counters.LinksSlowed, Is.EqualTo(30), "each once");
        var said = log.Entries.Values.Select(e => e.Text).Where(m => m.Contains("MaxBufferedBytes", StringComparison.Ordinal)).ToList();
        Assert.That(said, Has.Count.EqualTo(2), "the first, and how many more");
        Assert.That(said[0], Does.Contain("greedy-"));
        Assert.That(said[1], Does.Contain("29 more within 5 s"));
    }

    private static SimulatedNetwork Network() => SimulatedNetwork.On(new TestScheduler());

    private static List<string> Say(SimulatedDevice device, int count)
    {
        var acknowledged = new List<string>();
        for (var n = 1; n <= count; n++)
        {
            var line = Line(n);
            // Protocol 1 has one ordered line under way at a time: that is not greedy.
            device.Link.Write(line, ordering: Ordering.Concurrent).Subscribe(_ => acknowledged.Add(line));
        }

        return acknowledged;
    }

    private static void Say(ScriptedPeer peer, int count)
    {
        for (var n = 1; n <= count; n++)
            peer.Say($"+{n:x4}{Line(n)}\n");
    }

    /// <summary>Answers each line, and reads on when the answer was accepted.</summary>
    private static async Task AnswerAsync(ILink link, List<string> read)
    {
        await foreach (var line in link.ReadLinesAsync())
        {
            read.Add(line);
            await link.WriteAsync($"answer {read.Count}");
        }
    }

    private static string Line(int n) => $"{n} {Payload}";
}
