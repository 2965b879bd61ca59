using System.Buffers;

namespace Rx.IotLink.Protocol;

/// <summary>Splits bytes into lines ended by LF. It holds nothing: an unfinished line stays with the caller, and is gone with the connection.</summary>
internal static class LineReader
{
    /// <summary>Takes the next complete line, without its LF.</summary>
    /// <exception cref="ProtocolException">A line, finished or not, is longer than the limit.</exception>
    public static bool TryRead(ref ReadOnlySequence<byte> bytes, int maxBytes, out ReadOnlySequence<byte> line)
    {
        // Its LF is looked for only where it may be, so that a line is judged the same in whatever pieces it comes.
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
