using System.Buffers;
using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>
/// What a reader of lines rents, it gives back; which lines it finds is tested wherever bytes are received.
/// </summary>
public sealed class LineReaderTests
{
    private const int Rounds = 100;

    [TestCase(new[] { 5, 10 }, TestName = "Lines_in_several_pieces_are_joined_in_an_array_that_is_given_back")]
    [TestCase(new[] { 5, 10, 10, 3_000, 1_000, 5 }, TestName = "An_array_that_is_too_small_for_the_next_line_is_given_back_too")]
    public void Joins_without_allocation(int[] pieces)
    {
        // A line ends in the second piece of each pair.
        var bytes = Pieces.Of([.. pieces.Select((length, at) => Enumerable.Repeat((byte)'x', length).Append((byte)(at % 2 == 1 ? '\n' : 'x')).ToArray())]);
        Assert.That(Read(bytes), Is.EqualTo(pieces.Length / 2));

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < Rounds; round++)
            Read(bytes);

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(10 * Rounds), "less than one small array a round");
    }

    /// <summary>However it lies in pieces, and up to its longest length.</summary>
    [Test]
    public void A_part_of_a_line_has_no_end_and_is_not_too_long([Values(0, 1, 9, 10, 11)] int length, [Values(-1, 0, 5)] int lineFeedAt, [Values(1, 4, 20)] int piece)
    {
        var text = Enumerable.Range(0, length).Select(at => (byte)(at == lineFeedAt ? '\n' : 'x')).ToArray();
        var bytes = Pieces.Of([.. text.Chunk(piece)]);
        var hasEnd = text.Contains((byte)'\n');

        Assert.That(LineReader.IsPart(bytes, maxBytes: 10), Is.EqualTo(length <= 10 && !hasEnd));
    }

    private static int Read(in ReadOnlySequence<byte> bytes)
    {
        using var reader = new LineReader(bytes);
        var lines = 0;
        while (reader.TryRead(maxBytes: 4_100, out _))
            lines++;
        return lines;
    }
}
