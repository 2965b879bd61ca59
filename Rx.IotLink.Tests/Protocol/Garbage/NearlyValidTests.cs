using System.Text;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol.Replaying;

namespace Rx.IotLink.Tests.Protocol.Garbage;

/// <summary>
/// Real sessions with small faults in them: what a confused peer or a hostile one would send that knows the protocol.
/// </summary>
public sealed class NearlyValidTests
{
    private static IEnumerable<TestCaseData> Ends =>
        from side in Enum.GetValues<Side>()
        from stage in Reading.Stages(side)
        select new TestCaseData(side, stage);

    [TestCaseSource(nameof(Ends))]
    public void A_real_session_with_faults_is_lines_or_a_refusal_in_whatever_pieces_it_comes(Side side, Stage stage)
    {
        var refused = 0;
        Cases.All(Sessions(side, stage), bytes =>
        {
            var whole = Reading.Of(side, stage, bytes.Whole());
            Cases.RequireSame(Reading.Of(side, stage, bytes.Singly()), whole, "byte by byte");
            Cases.RequireSame(Reading.Of(side, stage, bytes.Chunk(7)), whole, "by sevens");
            refused += whole.Exists(entry => entry.StartsWith("refused", StringComparison.Ordinal)) ? 1 : 0;
        });
        Assert.That(refused, Is.InRange(50, 950), "the cases are of both kinds");
    }

    /// <summary>A few successive lines of a capture, with up to four faults.</summary>
    private static Gen<byte[]> Sessions(Side side, Stage stage)
    {
        var lines = Capture.Names.Select(Capture.Read)
            .Select(c => Split(c.Arrived(side == Side.Server ? Direction.ToServer : Direction.ToClient, c.Connections[^1])))
            .ToArray();
        var id = stage == Stage.Id ? "qos\n".Bytes() : [];
        return from session in Gen.Elements(lines)
               from start in Gen.Choose(0, Math.Max(0, session.Count - 12))
               from count in Gen.Choose(1, 12)
               from faults in Fault().ListOf(4)
               from howMany in Gen.Choose(0, 4)
               select faults.Take(howMany).Aggregate((byte[])[.. id, .. session.Skip(start).Take(count).SelectMany(l => l)], (bytes, fault) => fault(bytes));
    }

    private static Gen<Func<byte[], byte[]>> Fault() =>
        from kind in Gen.Choose(0, 5)
        from place in Gen.Choose(0, 999)
        from value in Gen.Frequency((1, Gen.Choose(0, 255)), (3, Gen.Elements("\n\r0af\u0007".Select(c => (int)c))))
        select new Func<byte[], byte[]>(bytes => bytes.Length == 0 ? bytes : WithFault(bytes, kind, place * bytes.Length / 1_000, (byte)value));

    private static byte[] WithFault(byte[] bytes, int kind, int at, byte value) => kind switch
    {
        0 => [.. bytes[..at], value, .. bytes[(at + 1)..]],
        1 => [.. bytes[..at], value, .. bytes[at..]],
        2 => [.. bytes[..at], .. bytes[(at + 1)..]],
        3 => [.. bytes[..at], .. bytes[(at / 2)..]],
        4 => [.. bytes[..at], (byte)(bytes[at] ^ (1 << (value & 7))), .. bytes[(at + 1)..]],
        _ => bytes[..at],
    };

    private static List<byte[]> Split(byte[] bytes) => [.. Encoding.Latin1.GetString(bytes).Split('\n')[..^1].Select(line => Encoding.Latin1.GetBytes(line + "\n"))];
}
