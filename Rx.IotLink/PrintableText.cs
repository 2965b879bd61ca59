using System.Globalization;
using System.Text;

namespace Rx.IotLink;

/// <summary>
/// Text that came from outside, fit for a log and a terminal: no control character can forge a line or move a cursor,
/// no format character can hide text or turn its direction. Lines of a link come as they are; whoever logs or shows
/// them takes them through here.
/// </summary>
public static class PrintableText
{
    /// <summary>
    /// Whether a character may stand in a log and on a terminal as it is: it is no control character (TAB, CR and LF
    /// are some), no format character, ends no line, and its look is known: it is neither unassigned nor for private
    /// use.
    /// </summary>
    public static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    /// <summary>
    /// The text with <c>\n</c>, <c>\r</c>, <c>\t</c> and <c>\u{1b}</c> in place of what is not printable. Backslashes
    /// stay as they are, so it cannot always be undone.
    /// </summary>
    /// <exception cref="ArgumentNullException">There is no text.</exception>
    public static string Escape(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.All(c => c is >= ' ' and <= '~') || text.EnumerateRunes().All(IsPrintable))
            return text;
        var shown = new StringBuilder(text.Length + 16);
        foreach (var rune in text.EnumerateRunes())
            Append(shown, rune);
        return shown.ToString();
    }

    /// <summary>Appends one character, escaped if it is not printable.</summary>
    internal static StringBuilder Append(StringBuilder shown, Rune rune) => rune.Value switch
    {
        '\n' => shown.Append("\\n"),
        '\r' => shown.Append("\\r"),
        '\t' => shown.Append("\\t"),
        _ when IsPrintable(rune) => shown.Append(rune),
        _ => shown.Append(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:x}}}"),
    };
}
