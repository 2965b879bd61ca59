using System.Buffers;

namespace Rx.IotLink.Protocol.Version1;

/// <summary>
/// Message ids: one byte, written as two lower-case hex digits; 00, 01 … ff, 01, 02 …: 00 is the first of a process and
/// never comes again.
/// </summary>
internal static class Mid
{
    public const int Count = 256;

    public static byte After(byte mid) => mid == byte.MaxValue ? (byte)1 : (byte)(mid + 1);

    /// <summary>How many ids lie between an earlier and a later one of the same round.</summary>
    public static int Distance(byte earlier, byte later) => later >= earlier ? later - earlier : later - earlier + byte.MaxValue;

    public static bool TryParse(ReadOnlySpan<byte> digits, out byte mid)
    {
        var (high, low) = (Digit(digits[0]), Digit(digits[1]));
        mid = (byte)((high << 4) | low);
        return (high | low) >= 0;
    }

    public static void Write(IBufferWriter<byte> output, byte mid)
    {
        var span = output.GetSpan(2);
        (span[0], span[1]) = (Digits[mid >> 4], Digits[mid & 15]);
        output.Advance(2);
    }

    private static ReadOnlySpan<byte> Digits => "0123456789abcdef"u8;

    private static int Digit(byte c) => c switch
    {
        >= (byte)'0' and <= (byte)'9' => c - '0',
        >= (byte)'a' and <= (byte)'f' => c - 'a' + 10,
        _ => -1,
    };
}
