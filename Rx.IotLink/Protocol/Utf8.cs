using System.Buffers;
using System.Text;

namespace Rx.IotLink.Protocol;

/// <summary>Strict UTF-8: invalid bytes are refused, never replaced.</summary>
internal static class Utf8
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The length of a text in bytes, or null if it holds half of a surrogate pair.</summary>
    public static int? ByteCount(string text)
    {
        try
        {
            return Strict.GetByteCount(text);
        }
        catch (EncoderFallbackException)
        {
            return null;
        }
    }

    /// <summary>The text of some bytes, or null if they are not UTF-8.</summary>
    public static string? Decode(ReadOnlySpan<byte> bytes)
    {
        // Checked first, since an exception for every bad line would help an attacker to waste time.
        return System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : null;
    }

    /// <summary>Whether bytes are UTF-8.</summary>
    public static bool IsValid(ReadOnlySpan<byte> bytes) => System.Text.Unicode.Utf8.IsValid(bytes);

    /// <summary>Writes a text that <see cref="ByteCount"/> found valid.</summary>
    public static void Write(Span<byte> output, string text) => Strict.GetBytes(text, output);

    /// <summary>Appends a text that <see cref="ByteCount"/> found valid.</summary>
    public static void Write(IBufferWriter<byte> output, string text) => Strict.GetBytes(text, output);
}
