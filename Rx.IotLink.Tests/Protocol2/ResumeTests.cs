using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>
/// The edges of the rules of resuming: which notices the application gets, and which cases need none.
/// </summary>
public sealed class ResumeTests
{
    [TestCase("peer=5 rx=2", "")]
    [TestCase("peer=5 rx=2 seen=4", "")]
    [TestCase("peer=5 rx=4", "")]
    [TestCase("peer=5 rx=1", "lines-lost", Description = "it had accepted 2")]
    [TestCase("peer=5 rx=5", "memory-rolled-back", Description = "5 was never sent")]
    [TestCase("peer=5 rx=2 seen=5", "memory-rolled-back", Description = "nor may its number be given to another line")]
    public void An_end_with_lines_3_and_4_meets_a_peer_that_remembers(string remembered, string notice)
    {
        var end = new TestEnd(Side.Client, new EndOptions { Store = new MemoryStore(new KeptMemory(Epoch: 5, First: 3, Lines: ["c", "d"], PeerEpoch: 1, Accepted: 0)) });
        end.Connect();

        end.Receive($"IOTLINK/2 ok epoch=1 tx=1 {remembered} window=9 max=99 timeout=2000\n");

        Assert.That(NoticesOf(end), Is.EqualTo(notice));
    }

    [TestCase("tx=7", "")]
    [TestCase("tx=8", "")]
    [TestCase("tx=9", "lines-lost")]
    public void An_end_that_has_accepted_7_meets_a_peer_whose_oldest_line_is(string oldest, string notice)
    {
        var end = new TestEnd(Side.Client, new EndOptions { Store = new MemoryStore(new KeptMemory(Epoch: 5, First: 1, Lines: [], PeerEpoch: 1, Accepted: 7)) });
        end.Connect();

        end.Receive($"IOTLINK/2 ok epoch=1 {oldest} peer=5 rx=0 window=9 max=99 timeout=2000\n");

        Assert.That(NoticesOf(end), Is.EqualTo(notice));
    }

    [Test]
    public void A_peer_that_met_nobody_before_is_reported_in_no_way()
    {
        var end = Server();

        Reconnect(end, Opening(epoch: 1));

        Assert.That(NoticesOf(end), Is.Empty);
    }

    [Test]
    public void A_peer_whose_first_answer_was_lost_has_only_missed_that()
    {
        var end = Server();
        Reconnect(end, Opening(epoch: 1));

        Reconnect(end, Opening(epoch: 1));

        Assert.That(NoticesOf(end), Is.Empty);
    }

    [Test]
    public void The_same_memory_that_has_met_another_end_since_is_not_resumed_with()
    {
        var end = Server();
        Reconnect(end, Opening(epoch: 1));

        Reconnect(end, Opening(epoch: 1, more: " peer=ab rx=0"));

        Assert.That(NoticesOf(end), Is.EqualTo("session-not-resumed"));
    }

    [Test]
    public void The_same_memory_that_has_forgotten_what_it_accepted_is_not_resumed_with()
    {
        var end = Server();
        end.Write("a");
        Reconnect(end, Opening(epoch: 1));
        end.Receive("=0001\n");

        Reconnect(end, Opening(epoch: 1));

        Assert.That(NoticesOf(end), Is.EqualTo("session-not-resumed"));
    }

    [Test]
    public void A_restarted_peer_whose_first_answer_was_lost_is_reported_once()
    {
        var end = Server();
        end.Write("a");
        Reconnect(end, Opening(epoch: 1));
        end.Receive("=0001\n");
        Reconnect(end, Opening(epoch: 2));
        Assert.That(NoticesOf(end), Is.EqualTo("session-not-resumed, peer-restarted"));

        Reconnect(end, Opening(epoch: 2));

        Assert.That(NoticesOf(end), Is.Empty);
    }

    private static TestEnd Server() => new(Side.Server);

    private static string Opening(int epoch, string more = "") => $"IOTLINK/2 id=pump-1 conn=1 epoch={epoch} tx=1 window=9 max=99{more}\n";

    private static void Reconnect(TestEnd end, string opening)
    {
        end.Disconnect();
        end.Connect();
        end.TakeEvents();
        end.Receive(opening);
    }

    private static string NoticesOf(TestEnd end) =>
        string.Join(", ", end.TakeEvents().Where(e => e.StartsWith("notice ", StringComparison.Ordinal)).Select(e => e["notice ".Length..]));
}
