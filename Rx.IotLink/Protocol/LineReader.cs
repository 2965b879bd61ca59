using System.Buffers;

namespace Rx.IotLink.Protocol;

/// <summary>Splits bytes into lines ended by LF. It holds nothing: an unfinished line stays with the caller, and is gone with the connection.</summary>
internal static class LineReader
{
    /// <summary>Takes the next complete line, without its LF.</summary>
    /// <exception cref="ProtocolException">A line, finished or not, is longer than the limit.</exception>
    public static bool TryRead(ref ReadOnlySequence<byte> bytes, int maxBytes, out ReadOnlySequence<byte> line)
    {
        if (bytes.PositionOf((byte)'\n') is not { } end)
        {
            Limit(bytes.Length, maxBytes, "without a line feed so far");
            line = default;
            return false;
        }

        line = bytes.Slice(0, end);
        Limit(line.Length, maxBytes, "long");
        bytes = bytes.Slice(bytes.GetPosition(1, end));
        return true;
    }

    private static void Limit(long length, int maxBytes, string what)
    {
        if (length > maxBytes)
            throw new ProtocolException($"a line of {length} bytes {what}, the limit is {maxBytes}");
    }
}
