using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Protocol.Replaying;

/// <summary>
/// Each of our ends in the place of the ancestor's, in each recorded session. Compared with the recording is what the
/// protocol determines: which lines are acknowledged, and in which order; which are delivered; which messages are said,
/// how often, in which order, with which mids, and when (within what the ancestor, which polls, is late); how a
/// connection begins. Where ours differs on purpose, the test says so and asserts the difference.
/// </summary>
[TestFixture(Side.Client)]
[TestFixture(Side.Server)]
public sealed class ReplayTests(Side side)
{
    /// <summary>What the ancestor, which polls its sockets, and the recorder may be late.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromMilliseconds(200);

    private static readonly string[] SameMessages = [.. Capture.Names.Where(name => name != "nowait_loss_order")];

    private Direction Outward => side == Side.Server ? Direction.ToClient : Direction.ToServer;

    [TestCaseSource(typeof(Capture), nameof(Capture.Names))]
    public void It_acknowledges_what_the_ancestor_did_in_the_same_order_and_no_later(string name)
    {
        var capture = Capture.Read(name);
        var ours = Replay.Of(capture, side).Acknowledgements.ToList();
        var theirs = capture.Acknowledgements(Outward).ToList();
        Assert.That(ours.Select(l => l.Text), Is.EqualTo(theirs.Select(l => l.Text)));
        Assert.That(ours.Zip(theirs, (o, t) => t.At - o.At), Is.All.InRange(TimeSpan.Zero, Late));
    }

    [TestCaseSource(typeof(Capture), nameof(Capture.Names))]
    public void It_delivers_what_the_ancestor_did_but_a_repeated_00_once(string name)
    {
        var capture = Capture.Read(name);
        var ours = Replay.Of(capture, side).Delivered.ToList();
        var theirs = Replay.DeliveredByTheAncestor(capture, side).ToList();
        if (name == "retrans")
        {
            var a = side == Side.Server ? "c-a" : "s-a";
            Assert.That(theirs.Take(2), Is.EqualTo([a, a]), "fault 1 of the ancestor");
            theirs.RemoveAt(0);
        }

        Assert.That(ours, Is.EqualTo(theirs));
    }

    [TestCaseSource(nameof(SameMessages))]
    public void It_says_the_messages_the_ancestor_did_in_the_same_order_with_the_same_mids_and_as_often(string name)
    {
        var capture = Capture.Read(name);
        var ours = Replay.Of(capture, side).Messages.ToList();
        var theirs = capture.Messages(Outward).ToList();
        Assert.That(ours.Select(l => l.Text), Is.EqualTo(theirs.Select(l => l.Text)));
        Assert.That(ours.Zip(theirs, (o, t) => (t.At - o.At).Duration()), Is.All.LessThan(Late));
    }

    [Test]
    public void When_the_first_of_four_lines_is_lost_it_keeps_their_order_unlike_the_ancestor()
    {
        var capture = Capture.Read("nowait_loss_order");
        var (letter, sent) = side == Side.Server ? ("s", 3_734) : ("c", 3_466);
        var theirs = capture.Messages(Outward).Select(l => l.Text);
        Assert.That(theirs, Is.EqualTo(new[] { "000", "011", "022", "033", "000" }.Select(m => m[..2] + letter + m[2..])), "01 overtakes 00");

        var ours = Replay.Of(capture, side).Messages.Where(m => m.At < TimeSpan.FromMilliseconds(sent + 4_000)).ToList();
        Assert.That(ours.Select(l => l.Text), Is.EqualTo(new[] { "000", "000", "011", "022", "033" }.Select(m => m[..2] + letter + m[2..])), "nothing overtakes 00");
        Assert.That(ours[1].At, Is.EqualTo(TimeSpan.FromMilliseconds(sent + 2_000)), "repeated after exactly T");
    }

    [TestCaseSource(typeof(Capture), nameof(Capture.Names))]
    public void Each_connection_begins_as_it_must(string name)
    {
        var capture = Capture.Read(name);
        foreach (var connection in capture.Records.Select(r => r.Connection).Distinct())
        {
            var log = Replay.Of(capture, side, connection).Log.Select(l => l.Entry).Where(entry => entry != "heartbeat").ToArray();
            if (side == Side.Server)
                Assert.That(log[..2], Is.EqualTo(["> ", "opened"]), "the keepalive at once");
            else if ((name, connection) == ("duplicate_id", 2))
                Assert.That(log, Is.EqualTo(["> qos"]), "the ancestor closed it without a word");
            else
                Assert.That(log[..3], Is.EqualTo(["> " + capture.Id, "> ", "opened"]), "and the first keepalive at the server's first line, which the ancestor says T/4 later");
        }
    }

    [TestCaseSource(typeof(Capture), nameof(Capture.Names))]
    public void The_peer_has_not_restarted(string name) =>
        Assert.That(Replay.Of(Capture.Read(name), side).Log.Select(l => l.Entry), Has.None.EqualTo("restarted"));

    [TestCaseSource(typeof(Capture), nameof(Capture.Names))]
    public void The_id_is_taken_unless_it_is_empty_which_the_ancestor_takes(string name)
    {
        var refused = Replay.Of(Capture.Read(name), side).IdRefused;
        Assert.That(refused, name == "empty_id" && side == Side.Server ? Does.Contain("empty") : Is.Null);
    }

    [Test]
    public void Every_capture_holds_what_it_is_there_for()
    {
        Assert.That(Capture.Names.Select(name => Capture.Read(name).Records), Is.All.Not.Empty);
        Assert.That(Capture.Read("retrans").Records.Count(r => r.IsLost), Is.EqualTo(4));
        Assert.That(Capture.Read("wrap").Messages(Outward).Count(), Is.GreaterThan(290));
        Assert.That(Capture.Read("reconnect_blackhole").Records.Select(r => r.Connection).Distinct(), Is.EqualTo([1, 2]));
    }
}
