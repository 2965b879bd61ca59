using System.Buffers;

namespace Rx.IotLink.Tests.Protocol.Driving;

/// <summary>Bytes in the pieces they came in, as a pipe hands them on.</summary>
internal sealed class Pieces : ReadOnlySequenceSegment<byte>
{
    private Pieces(ReadOnlyMemory<byte> memory, long before) => (Memory, RunningIndex) = (memory, before);

    public static ReadOnlySequence<byte> Of(params IReadOnlyList<byte[]> pieces)
    {
        var first = new Pieces(pieces.Count > 0 ? pieces[0] : default, before: 0);
        var last = first;
        foreach (var piece in pieces.Skip(1))
        {
            var next = new Pieces(piece, last.RunningIndex + last.Memory.Length);
            last.Next = next;
            last = next;
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }
}
