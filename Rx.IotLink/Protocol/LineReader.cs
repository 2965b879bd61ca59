using System.Buffers;

namespace Rx.IotLink.Protocol;

/// <summary>
/// Splits bytes into lines ended by LF. It keeps nothing: an unfinished line stays with the caller, and is dropped with
/// the connection.
/// </summary>
internal ref struct LineReader
{
    private ReadOnlySequence<byte> rest;
    private ReadOnlySpan<byte> first;
    private int taken;

    // A rented array for lines that lie in several pieces.
    private byte[] joined = [];

    public LineReader(in ReadOnlySequence<byte> bytes)
    {
        rest = bytes;
        first = bytes.FirstSpan;
    }

    /// <summary>The position up to which lines were taken.</summary>
    public readonly SequencePosition Position => rest.GetPosition(taken);

    public void Dispose()
    {
        if (joined.Length > 0)
            ArrayPool<byte>.Shared.Return(joined);
        joined = [];
    }

    /// <summary>Takes the next complete line, without its LF. It is valid until the next is taken.</summary>
    /// <exception cref="ProtocolException">A line, finished or not, is longer than the limit.</exception>
    public bool TryRead(int maxBytes, out ReadOnlySpan<byte> line)
    {
        // It searches for the LF only within the limit, so that the result for a line does not depend on the pieces in
        // which it comes.
        var length = first[..(int)Math.Min(first.Length, maxBytes + 1L)].IndexOf((byte)'\n');
        if (length < 0)
            return TryReadAcross(maxBytes, out line);
        line = first[..length];
        first = first[(length + 1)..];
        taken += length + 1;
        return true;
    }

    /// <summary>Reads a line that does not end in its first piece.</summary>
    private bool TryReadAcross(int maxBytes, out ReadOnlySpan<byte> line)
    {
        line = default;
        if (taken > 0)
            rest = rest.Slice(taken);
        taken = 0;
        var found = TryRead(ref rest, maxBytes, out var pieces);
        first = rest.FirstSpan;
        if (found)
            line = pieces.IsSingleSegment ? pieces.FirstSpan : Join(pieces);
        return found;
    }

    private ReadOnlySpan<byte> Join(scoped in ReadOnlySequence<byte> pieces)
    {
        var length = (int)pieces.Length;
        if (joined.Length < length)
        {
            Dispose();
            joined = ArrayPool<byte>.Shared.Rent(length);
        }

        pieces.CopyTo(joined);
        return joined.AsSpan(0, length);
    }

    /// <summary>Whether bytes are a line that is not complete, and no longer than the limit.</summary>
    public static bool IsPart(in ReadOnlySequence<byte> bytes, int maxBytes) =>
        bytes.Length <= maxBytes && (bytes.IsSingleSegment ? !bytes.FirstSpan.Contains((byte)'\n') : bytes.PositionOf((byte)'\n') is null);

    /// <summary>Takes one complete line, without its LF.</summary>
    /// <exception cref="ProtocolException">A line, finished or not, is longer than the limit.</exception>
    public static bool TryRead(ref ReadOnlySequence<byte> bytes, int maxBytes, out ReadOnlySequence<byte> line)
    {
        var within = bytes.Slice(0, Math.Min(bytes.Length, maxBytes + 1L));
        if (within.PositionOf((byte)'\n') is not { } end)
        {
            if (within.Length > maxBytes)
                throw new LineTooLongException($"a line of more than {maxBytes} bytes, which is the limit");
            line = default;
            return false;
        }

        line = bytes.Slice(0, end);
        bytes = bytes.Slice(bytes.GetPosition(1, end));
        return true;
    }
}
