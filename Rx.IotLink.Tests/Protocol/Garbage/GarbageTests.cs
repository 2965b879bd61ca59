using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Protocol.Garbage;

/// <summary>
/// Any bytes are lines or a typed refusal, the same whole and byte by byte; nothing else is ever thrown.
/// </summary>
public sealed class GarbageTests
{
    private static IEnumerable<TestCaseData> Ends =>
        from side in Enum.GetValues<Side>()
        from stage in Reading.Stages(side)
        select new TestCaseData(side, stage);

    [TestCaseSource(nameof(Ends))]
    public void Any_bytes_are_lines_or_a_refusal_the_same_whole_and_byte_by_byte(Side side, Stage stage)
    {
        var (refused, taken) = (0, 0);
        Cases.All(Cases.AnyBytes(most: 60), bytes =>
        {
            var whole = Reading.Of(side, stage, bytes.Whole(), writes: 3);
            var singly = Reading.Of(side, stage, bytes.Singly(), writes: 3);
            Cases.RequireSame(singly, whole, "byte by byte");
            if (whole.Exists(entry => entry.StartsWith("refused", StringComparison.Ordinal)))
                refused++;
            else
                taken++;
        });
        Assert.That(new[] { refused, taken }, Is.All.GreaterThan(100), "the cases are of both kinds");
    }

    [Test]
    public void Any_bytes_as_an_id_are_an_id_or_a_refusal_the_same_whole_and_byte_by_byte()
    {
        var ids = 0;
        Cases.All(Cases.AnyBytes(most: 20), bytes =>
        {
            var whole = Open(bytes.Whole());
            Cases.Require(Open(bytes.Singly()) == whole, () => $"byte by byte: {Open(bytes.Singly())} instead of {whole}");
            if (whole.Id is not { } id)
                return;
            ids++;
            Cases.Require(LinkId.Fault(id, maxBytes: 10) is null, () => $"'{id}' {LinkId.Fault(id, maxBytes: 10)}");
            Cases.Require(bytes.Take(whole.Taken).SequenceEqual(id.Bytes().Append((byte)'\n')), () => $"'{id}' is not what came");
        });
        Assert.That(ids, Is.GreaterThan(20));
    }

    private static (string? Id, string? Refusal, int Taken) Open(IEnumerable<byte[]> pieces)
    {
        byte[] unread = [];
        foreach (var piece in pieces)
        {
            var bytes = Pieces.Of(unread, piece);
            try
            {
                if (FirstLine.TryRead(ref bytes, maxBytes: 10, out var first))
                    return (IdOpening.Read(first, maxIdBytes: 10).Id, null, (int)(unread.Length + piece.Length - bytes.Length));
            }
            catch (ProtocolException refusal)
            {
                return (null, refusal.Message, 0);
            }

            unread = [.. unread, .. piece];
        }

        return (null, null, 0);
    }
}
