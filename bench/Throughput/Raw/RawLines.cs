using System.Globalization;
using System.Text;

namespace Throughput.Raw;

/// <summary>What the raw baseline says: lines of 32 bytes, and cumulative acknowledgements in the form of protocol 2.</summary>
internal static class RawLines
{
    public const int LineBytes = 32;

    public const int BufferBytes = 65_536;

    /// <summary>So many lines, one after the other, ready to be sent.</summary>
    public static byte[] Make(int count) =>
        Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, count).Select(i => i.ToString("d32", CultureInfo.InvariantCulture) + "\n")));

    public static byte[] Acknowledgement() => "=0000\n"u8.ToArray();

    public static void SetNumber(Span<byte> acknowledgement, ushort number) => number.TryFormat(acknowledgement[1..5], out _, "x4", CultureInfo.InvariantCulture);

    /// <summary>How many lines the last complete acknowledgement of some bytes adds to what was acknowledged; what follows it is kept at their beginning.</summary>
    public static int Take(Span<byte> bytes, ref int held, long acknowledged)
    {
        var end = bytes.LastIndexOf((byte)'\n');
        if (end < 0)
        {
            held = bytes.Length;
            return 0;
        }

        var number = ushort.Parse(bytes.Slice(end - 4, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        held = bytes.Length - end - 1;
        bytes[(end + 1)..].CopyTo(bytes);
        return (ushort)(number - (ushort)acknowledged);
    }
}
