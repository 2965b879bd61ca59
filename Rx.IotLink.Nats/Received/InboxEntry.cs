using System.Buffers.Binary;
using System.Text;

namespace Rx.IotLink.Nats.Received;

/// <summary>What a message of the inbox says beside the text of its line, and what is there up to it.</summary>
/// <param name="Token">The token of the claim under which it was written.</param>
/// <param name="Place">How many lines of the device this is under that claim, from 1.</param>
/// <param name="Line">The name of the line.</param>
/// <param name="Epoch">
/// The memory of the device whose exactly-once lines are there up to <paramref name="Number"/>.
/// </param>
/// <param name="Number">The number of the last one of these; 0: none is known.</param>
internal readonly record struct InboxEntry(long Token, long Place, LineId Line, ulong Epoch, ulong Number)
{
    private const byte Version = 1;
    private const int Head = 1 + (6 * sizeof(ulong));

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>How many bytes a message of this text has.</summary>
    public static int SizeOf(string text) => Head + Utf8.GetByteCount(text);

    /// <summary>The message of the next line.</summary>
    /// <param name="token">The token of the claim.</param>
    /// <param name="line">The line.</param>
    /// <param name="isNumbered">
    /// Whether the line is an exactly-once one, which no later one of its memory precedes.
    /// </param>
    public InboxEntry Next(long token, in SessionRecord line, bool isNumbered) => new(
        token, line.Position, new(line.Epoch, line.Number), isNumbered ? line.Epoch : Epoch, isNumbered ? line.Number : Number);

    /// <summary>
    /// Whether a line is there: it was kept under the same claim, whose answer was lost; or by another server, which
    /// did not get to its acceptance.
    /// </summary>
    public bool Has(long token, in SessionRecord line) =>
        (Token == token && line.Position <= Place) || (Number > 0 && Epoch == line.Epoch && line.Number <= Number);

    public byte[] ToBytes(string text)
    {
        var bytes = new byte[SizeOf(text)];
        bytes[0] = Version;
        var at = 1;
        foreach (var number in (ReadOnlySpan<ulong>)[(ulong)Token, (ulong)Place, Line.Epoch, Line.Number, Epoch, Number])
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), number);
            at += sizeof(ulong);
        }

        Utf8.GetBytes(text, bytes.AsSpan(Head));
        return bytes;
    }

    /// <summary>Reads a message.</summary>
    /// <exception cref="InvalidDataException">It is none of this library's, or is damaged.</exception>
    public static (InboxEntry Entry, string Text) Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Head || bytes[0] != Version)
            throw new InvalidDataException("it is no line of this library, or is damaged");
        Span<ulong> numbers = stackalloc ulong[6];
        for (var n = 0; n < numbers.Length; n++)
            numbers[n] = BinaryPrimitives.ReadUInt64LittleEndian(bytes[(1 + (n * sizeof(ulong)))..]);
        try
        {
            return (new((long)numbers[0], (long)numbers[1], new(numbers[2], numbers[3]), numbers[4], numbers[5]), Utf8.GetString(bytes[Head..]));
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException("its text is not UTF-8", e);
        }
    }
}
