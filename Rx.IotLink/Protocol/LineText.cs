namespace Rx.IotLink.Protocol;

/// <summary>The rules for a written line.</summary>
internal static class LineText
{
    /// <summary>Checks a line of bytes.</summary>
    /// <exception cref="ArgumentException">A rule is broken; the message names it and what broke it.</exception>
    public static void Check(ReadOnlySpan<byte> utf8, int maxBytes)
    {
        if (utf8.IndexOf((byte)'\n') is var at and >= 0)
            throw new ArgumentException($"A line must not hold a line feed (one is at byte {at}): it would forge a second line.", nameof(utf8));
        if (!Utf8.IsValid(utf8))
            throw new ArgumentException("A line must be valid UTF-8: this one is not.", nameof(utf8));
        if (utf8.Length > maxBytes)
            throw new ArgumentException($"A line must have at most {maxBytes} bytes of UTF-8 ({nameof(LinkOptions.MaxLineBytes)}); this one has {utf8.Length}.", nameof(utf8));
    }

    /// <summary>Checks a line and gives its length in bytes.</summary>
    /// <exception cref="ArgumentException">A rule is broken; the message names it and what broke it.</exception>
    public static int Check(string line, int maxBytes)
    {
        ArgumentNullException.ThrowIfNull(line);
        return Fault(line, maxBytes, out var bytes) is { } fault ? throw new ArgumentException(fault, nameof(line)) : bytes;
    }

    /// <summary>The rule that a line breaks, as a sentence; null: none.</summary>
    public static string? Fault(string line, int maxBytes) => Fault(line, maxBytes, out _);

    private static string? Fault(string line, int maxBytes, out int bytes)
    {
        bytes = 0;
        if (line.IndexOf('\n', StringComparison.Ordinal) is var at and >= 0)
            return $"A line must not hold a line feed (one is at index {at}): it would forge a second line.";
        if (Utf8.ByteCount(line) is not { } count)
            return "A line must be valid text: this one has half of a surrogate pair, which UTF-8 cannot carry.";
        bytes = count;
        return count > maxBytes ? $"A line must have at most {maxBytes} bytes of UTF-8 ({nameof(LinkOptions.MaxLineBytes)}); this one has {count}." : null;
    }
}
