using System.Globalization;
using System.Text;

namespace Rx.IotLink;

/// <summary>
/// Makes text from outside safe for a log and a terminal: no control character can forge a line or move a cursor, and
/// no format character can hide text or change its direction. Lines of a link are unchanged; pass them through here
/// before you log or show them.
/// </summary>
public static class PrintableText
{
    /// <summary>
    /// Whether a character is safe in a log and on a terminal: it is not a control character (such as TAB, CR and LF),
    /// not a format character, not a line separator, and neither unassigned nor for private use.
    /// </summary>
    public static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    /// <summary>
    /// The text with <c>\n</c>, <c>\r</c>, <c>\t</c> and <c>\u{1b}</c> in place of characters that are not printable.
    /// Backslashes stay as they are, so the change cannot always be reversed.
    /// </summary>
    /// <exception cref="ArgumentNullException">The text is null.</exception>
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
