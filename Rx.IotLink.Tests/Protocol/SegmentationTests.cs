using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol.Replaying;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>
/// A stream means the same in whatever pieces it comes: cut in two at every place, and byte by byte, each session gives
/// the same events, the same output and the same refusal, in the same order.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class SegmentationTests
{
    /// <summary>
    /// Text that is not ASCII, CR in payloads, keepalives, acknowledgements, repetitions, long lines, half a line at
    /// the end.
    /// </summary>
    private static readonly string HandMade =
        "qos\n\n00a\n00\n\n\n01grün €\r\n02\U0001F600\r\r\n01\n02\n01grün €\r\n05" + new string('x', 1_200) + "\n03\n04\n06" + new string('é', 300)
        + "\n05" + new string('x', 1_200) + "\n07\0\t\n06\n05\nff~\n01other\n00a\n07half a li";

    /// <summary>What ends a session, and how it is reported.</summary>
    private static readonly (string End, string Refusal)[] Refused =
    [
        ("zz\n00a\n", "hex digits"), ("\r\n", "CR"), ("x\n", "one byte"), ("0Gx\n", "hex digits"),
        ("03" + new string('y', 4_001) + "\n", "more than 4002 bytes"), ("04" + new string('y', 9_000), "more than 4002 bytes"),
    ];

    private static IEnumerable<TestCaseData> Sessions =>
        from name in Capture.Names.Append("hand-made")
        from side in Enum.GetValues<Side>()
        from stage in Reading.Stages(side)
        where name != "wrap" || stage == Stage.Open
        select new TestCaseData(name, side, stage);

    private static IEnumerable<TestCaseData> Refusals =>
        from which in Enumerable.Range(0, Refused.Length)
        from side in Enum.GetValues<Side>()
        from stage in Reading.Stages(side)
        select new TestCaseData(which, side, stage);

    [TestCaseSource(nameof(Sessions))]
    public void Every_session_means_the_same_in_whatever_pieces_it_comes(string name, Side side, Stage stage)
    {
        var bytes = Session(name, side, stage);
        var writes = name == "wrap" ? 310 : 40;
        var whole = Reading.Of(side, stage, bytes.Whole(), writes);
        Assert.That(whole, Has.None.StartsWith("refused").And.Count.GreaterThan(10));
        AssertSameInPieces(bytes, side, stage, writes, whole);
    }

    [TestCaseSource(nameof(Refusals))]
    public void A_malformed_line_is_refused_the_same_in_whatever_pieces_it_comes(int which, Side side, Stage stage)
    {
        var start = "01a\n02b\n00\n01a\n";
        var bytes = ((stage == Stage.Id ? "qos\n" : "") + start + Refused[which].End).Bytes();
        var whole = Reading.Of(side, stage, bytes.Whole());
        Assert.That(whole[^1], Does.StartWith("refused").And.Contain(Refused[which].Refusal));
        Assert.That(whole, Has.Some.EqualTo("line a"), "what came before it is kept");
        AssertSameInPieces(bytes, side, stage, writes: 40, whole);
    }

    [TestCase(Delivery.ExactlyOnce, Ordering.Ordered)]
    [TestCase(Delivery.BestEffort, Ordering.Ordered)]
    public void It_does_not_matter_what_waits_to_be_sent(Delivery delivery, Ordering ordering)
    {
        foreach (var side in Enum.GetValues<Side>())
        {
            var bytes = "00\n01a\n01\n01a\n02\n03\n01a\n02b\n".Bytes();
            var whole = Reading.Of(side, Stage.Open, bytes.Whole(), writes: 40, delivery, ordering);
            for (var place = 0; place <= bytes.Length; place++)
                Assert.That(Reading.Of(side, Stage.Open, bytes.At(place), writes: 40, delivery, ordering), Is.EqualTo(whole), $"cut at {place}");
        }
    }

    private static byte[] Session(string name, Side side, Stage stage)
    {
        var bytes = HandMade.Bytes();
        if (name != "hand-made")
        {
            var capture = Capture.Read(name);
            bytes = capture.Arrived(side == Side.Server ? Direction.ToServer : Direction.ToClient, capture.Connections[^1]);
            if (name == "empty_id" && side == Side.Server)
                bytes = [.. "qos\n".Bytes(), .. bytes];
            if (side == Side.Client)
                return bytes;
        }

        return stage == Stage.Id ? bytes : bytes[(Array.IndexOf(bytes, (byte)'\n') + 1)..];
    }

    private static void AssertSameInPieces(byte[] bytes, Side side, Stage stage, int writes, List<string> whole)
    {
        for (var place = 0; place <= bytes.Length; place++)
            AssertSame(Reading.Of(side, stage, bytes.At(place), writes), whole, $"cut at {place} of {bytes.Length}");
        AssertSame(Reading.Of(side, stage, bytes.Singly(), writes), whole, "byte by byte");
    }

    private static void AssertSame(List<string> pieces, List<string> whole, string how)
    {
        // Is.EqualTo is kept for what differs: it costs much where there are thousands to compare.
        if (!pieces.SequenceEqual(whole))
            Assert.That(pieces, Is.EqualTo(whole), how);
    }
}
