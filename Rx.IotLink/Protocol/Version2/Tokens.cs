using System.Buffers;
using System.Globalization;
using System.Text;

namespace Rx.IotLink.Protocol.Version2;

/// <summary>
/// A line of the opening: <c>IOTLINK/2</c>, perhaps a word, and <c>key=value</c> tokens. A value that is a text is
/// percent-encoded. Unknown keys, and unused values, are ignored, so that later versions can add some.
/// </summary>
internal sealed class Tokens
{
    public const string Prefix = "IOTLINK/2";

    /// <summary>The longest line of an opening that is read, in bytes.</summary>
    public const int MaxBytes = 2_048;

    private static readonly SearchValues<char> Plain =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");

    private readonly Dictionary<string, string> values = new(StringComparer.Ordinal);

    private readonly string asItStands;

    private Tokens(string line, string word) => (asItStands, Word) = (line, word);

    /// <summary>
    /// The word of the line: <c>ok</c>, <c>no</c>, <c>prove</c>, <c>proof</c>, or nothing (the client's first).
    /// </summary>
    public string Word { get; }

    public static bool IsOpening(string line) =>
        line == Prefix || line.StartsWith(Prefix + " ", StringComparison.Ordinal);

    /// <summary>Whether bytes, finished or not, begin an opening of this protocol.</summary>
    public static bool Begins(in ReadOnlySequence<byte> bytes) =>
        bytes.Length > Prefix.Length && IsOpening(Encoding.UTF8.GetString(bytes.Slice(0, Prefix.Length + 1)).TrimEnd('\n'));

    /// <summary>Parses a line of an opening.</summary>
    /// <exception cref="ProtocolException">The line is not a line of an opening.</exception>
    public static Tokens Parse(string line)
    {
        if (!IsOpening(line))
            throw new ProtocolException($"the opening must begin with {Prefix}");
        var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var hasWord = parts.Length > 1 && !parts[1].Contains('=', StringComparison.Ordinal);
        var tokens = new Tokens(line, hasWord ? parts[1] : "");
        foreach (var part in parts.Skip(hasWord ? 2 : 1))
        {
            var at = part.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0)
                throw new ProtocolException($"'{Shorten(part)}' in the opening is not key=value");
            if (!tokens.values.TryAdd(part[..at], part[(at + 1)..]))
                throw new ProtocolException($"'{Shorten(part[..at])}' stands twice in the opening");
        }

        return tokens;
    }

    public static string Format(string word, params ReadOnlySpan<(string Key, string? Value)> tokens)
    {
        var line = new StringBuilder(Prefix);
        if (word.Length > 0)
            line.Append(' ').Append(word);
        foreach (var (key, value) in tokens)
        {
            if (value is not null)
                line.Append(' ').Append(key).Append('=').Append(Encode(value));
        }

        return line.ToString();
    }

    /// <summary>The line as written, without the token of this key and the blank before it.</summary>
    public string LineWithout(string key)
    {
        // No value holds a blank, and no key appears twice.
        var at = asItStands.IndexOf($" {key}=", StringComparison.Ordinal);
        var end = asItStands.IndexOf(' ', at + 1);
        return end < 0 ? asItStands[..at] : asItStands.Remove(at, end - at);
    }

    /// <summary>A value as written.</summary>
    public string? Value(string key) => values.GetValueOrDefault(key);

    public string RequiredValue(string key) => Value(key) ?? throw Missing(key);

    /// <summary>A value that is a text: it may be percent-encoded.</summary>
    public string? Text(string key) => Value(key) is { } value ? Decode(value) : null;

    public string RequiredText(string key) => Text(key) ?? throw Missing(key);

    /// <summary>64 bits as hex digits.</summary>
    public ulong? Epoch(string key) => Value(key) is not { } text ? null
        : text.Length <= 16 && ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var epoch) ? epoch
        : throw new ProtocolException($"{key}={Shorten(text)} in the opening is not 1 to 16 hex digits");

    public ulong RequiredEpoch(string key) => Epoch(key) ?? throw Missing(key);

    /// <summary>A decimal number within limits.</summary>
    public ulong? Number(string key, ulong least, ulong most)
    {
        if (Value(key) is not { } text)
            return null;
        if (!ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < least || number > most)
            throw new ProtocolException($"{key}={Shorten(text)} in the opening is not a number from {least} to {most}");
        return number;
    }

    public ulong RequiredNumber(string key, ulong least, ulong most) => Number(key, least, most) ?? throw Missing(key);

    /// <summary>A decimal number; a greater one than <paramref name="most"/>, however great, counts as that.</summary>
    public ulong? NumberUpTo(string key, ulong most)
    {
        if (Value(key) is not { } text)
            return null;
        if (text.Length == 0 || !text.All(char.IsAsciiDigit))
            throw new ProtocolException($"{key}={Shorten(text)} in the opening is not a number");
        return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < most ? number : most;
    }

    /// <summary>Bytes of a fixed number as hex digits.</summary>
    public byte[]? Bytes(string key, int length)
    {
        if (Value(key) is not { } text)
            return null;
        if (text.Length != 2 * length || !text.All(char.IsAsciiHexDigit))
            throw new ProtocolException($"{key} in the opening is not {2 * length} hex digits");
        return Convert.FromHexString(text);
    }

    public byte[] RequiredBytes(string key, int length) => Bytes(key, length) ?? throw Missing(key);

    private static ProtocolException Missing(string key) => new($"the opening has no {key}");

    private static string Shorten(string text) => Printable.Of(text, 32);

    private static string Encode(string value)
    {
        if (value.AsSpan().IndexOfAnyExcept(Plain) < 0)
            return value;
        var encoded = new StringBuilder();
        foreach (var b in Encoding.UTF8.GetBytes(value))
        {
            if (Plain.Contains((char)b))
                encoded.Append((char)b);
            else
                encoded.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
        }

        return encoded.ToString();
    }

    private static string Decode(string value)
    {
        if (!value.Contains('%', StringComparison.Ordinal))
            return value;
        // As bytes, since one character of the text may be two of a string.
        var raw = Encoding.UTF8.GetBytes(value);
        var bytes = new List<byte>(raw.Length);
        for (var at = 0; at < raw.Length; at++)
        {
            if (raw[at] != (byte)'%')
            {
                bytes.Add(raw[at]);
                continue;
            }

            if (at + 2 >= raw.Length || !byte.TryParse(raw.AsSpan(at + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var b))
                throw new ProtocolException($"'{Shorten(value)}' in the opening has a % that is not followed by two hex digits");
            bytes.Add(b);
            at += 2;
        }

        return Utf8.Decode([.. bytes]) ?? throw new ProtocolException("a percent-encoded value in the opening is not UTF-8");
    }
}
