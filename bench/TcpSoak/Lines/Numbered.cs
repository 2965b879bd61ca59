using System.Globalization;

namespace TcpSoak.Lines;

/// <summary>
/// Lines that carry a number, and text that follows from it: a line that was torn, joined or changed is known for what
/// it is.
/// </summary>
internal static class Numbered
{
    /// <summary>A number that no line has.</summary>
    public const long Unreadable = -1;

    private const int LongestFiller = 200;

    // Characters of one to four bytes: no cut may fall into one.
    private static readonly string Filler = string.Concat(Enumerable.Repeat("line äöü €→ 😀 ", LongestFiller));

    public static string Line(long number)
    {
        var length = (int)(number * 37 % LongestFiller);
        // A character of four bytes is two of a string, which must not be parted.
        if (char.IsHighSurrogate(Filler[length]))
            length++;
        return string.Create(CultureInfo.InvariantCulture, $"{number} {Filler.AsSpan(0, length + 1)}");
    }

    public static long Number(string line) =>
        long.TryParse(line.AsSpan(0, Math.Max(0, line.IndexOf(' ', StringComparison.Ordinal))), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && line == Line(number)
            ? number
            : Unreadable;
}
