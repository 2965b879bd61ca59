using System.Globalization;

namespace Throughput.Raw;

/// <summary>What the raw baseline says: lines of 32 bytes, and acknowledgements in the form of protocol 2.</summary>
internal static class RawLines
{
    public const int LineBytes = 32;

    public const int BufferBytes = 65_536;

    private const int AcknowledgementBytes = 6;

    /// <summary>Writes one line with its LF; gives its length.</summary>
    public static int Write(Span<byte> to, ReadOnlySpan<byte> line)
    {
        line.CopyTo(to);
        to[line.Length] = (byte)'\n';
        return line.Length + 1;
    }

    /// <summary>Writes one acknowledgement; gives its length.</summary>
    public static int Acknowledge(Span<byte> to, int number)
    {
        to[0] = (byte)'=';
        ((ushort)number).TryFormat(to[1..], out _, "x4", CultureInfo.InvariantCulture);
        to[5] = (byte)'\n';
        return AcknowledgementBytes;
    }

    /// <summary>
    /// Takes the next complete acknowledgement, and gives how many lines it adds to those that were acknowledged
    /// before.
    /// </summary>
    public static bool TryTake(ref Span<byte> bytes, long acknowledged, out int lines)
    {
        lines = 0;
        var end = bytes.IndexOf((byte)'\n');
        if (end < 0)
            return false;
        lines = (ushort)(ushort.Parse(bytes[1..end], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) - (ushort)acknowledged);
        bytes = bytes[(end + 1)..];
        return true;
    }
}
