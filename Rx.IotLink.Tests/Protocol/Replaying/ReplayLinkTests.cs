using System.Text;
using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol.Linking;

namespace Rx.IotLink.Tests.Protocol.Replaying;

/// <summary>
/// A link in the place of one of the ancestor's ends, with its keepalives and its watch of silence. Compared with the
/// recording is when it is up, when it notices an outage, and when it says keepalives.
/// </summary>
public sealed class ReplayLinkTests
{
    private static readonly TimeSpan Late = TimeSpan.FromMilliseconds(200);

    private static IEnumerable<object[]> Sessions =>
        from name in Capture.Names
        from side in Enum.GetValues<Side>()
        select new object[] { name, side };

    [TestCaseSource(nameof(Sessions))]
    public void It_is_up_from_the_first_line_to_the_end_of_the_recording(string name, Side side)
    {
        var capture = Capture.Read(name);
        using var bench = new LinkBench(side, capture.T);
        bench.Listen();
        var connection = capture.Connections[^1];
        Play(bench, capture, side, connection);
        Assert.That(bench.State, Is.EqualTo((LinkStatus.Up, (OutageReason?)null)));
        Assert.That(bench.Now, Is.GreaterThan(capture.Of(connection).First().At + (2 * capture.T)), "long enough to notice a silence");
    }

    [TestCase(Side.Client)]
    [TestCase(Side.Server)]
    public void Both_ends_notice_a_silence_when_the_ancestor_did(Side side)
    {
        var capture = Capture.Read("reconnect_blackhole");
        using var bench = new LinkBench(side, capture.T);
        var end = capture.Of(1).Single(r => r.IsEnd).At;
        var lastHeard = capture.Of(1).Last(r => r.Direction == Inward(side) && !r.IsLost).At;
        Play(bench, capture, side, connection: 1, until: end - Late);
        Assert.That(bench.State.Status, Is.EqualTo(LinkStatus.Up));
        bench.Scheduler.AdvanceTo((lastHeard + capture.T).Ticks - 1);
        Assert.That(bench.State.Status, Is.EqualTo(LinkStatus.Up));
        bench.Advance(LinkBench.Tick);
        Assert.That(bench.State, Is.EqualTo((LinkStatus.Down, (OutageReason?)OutageReason.Silence)));
        Assert.That(bench.Now, Is.EqualTo(end).Within(Late));
    }

    [TestCaseSource(typeof(Capture), nameof(Capture.Names))]
    public void A_servers_keepalives_come_as_often_as_the_ancestors_did_and_as_evenly(string name)
    {
        var capture = Capture.Read(name);
        using var bench = new LinkBench(Side.Server, capture.T);
        var connection = capture.Connections[^1];
        var ours = Play(bench, capture, Side.Server, connection)
            .Heard.SelectMany(h => h.Packet.Split('\n')[..^1].Where(line => line.Length == 0).Select(_ => TimeSpan.FromTicks(h.Tick))).ToList();
        var theirs = capture.Of(connection).Where(r => r.Direction == Direction.ToClient).SelectMany(r => r.Lines()).Where(l => l.Text.Length == 0).Select(l => l.At).ToList();
        Assert.That(ours.Count, Is.EqualTo(theirs.Count).Within(1));
        Assert.That(Intervals(ours), Is.All.EqualTo(capture.T / 4));
        Assert.That(Intervals(theirs).Select(i => (i - (capture.T / 4)).Duration()), Is.All.LessThan(TimeSpan.FromMilliseconds(60)));
    }

    private static ScriptedPeer Play(LinkBench bench, Capture capture, Side side, int connection, TimeSpan? until = null)
    {
        ScriptedPeer? peer = null;
        foreach (var record in capture.Of(connection).Where(r => r.Direction is not null && (until is null || r.At < until)))
        {
            bench.Scheduler.AdvanceTo(record.At.Ticks);
            if (peer is null && record.Direction == Direction.ToServer && (side == Side.Client || !record.IsLost))
                peer = bench.Serve();
            else if (record.Direction == Inward(side) && !record.IsLost)
                peer!.Say(Encoding.UTF8.GetString(record.Bytes));
        }

        return peer!;
    }

    private static IEnumerable<TimeSpan> Intervals(List<TimeSpan> times) => times.Zip(times.Skip(1), (earlier, later) => later - earlier);

    private static Direction Inward(Side side) => side == Side.Server ? Direction.ToServer : Direction.ToClient;
}
