using System.Globalization;
using System.Text;

namespace Rx.IotLink.Protocol;

/// <summary>
/// Makes a peer's text safe for a log and a terminal: no control character can forge a line or move a cursor, and no
/// format character can hide text or change its direction. Every message with text from outside uses this when the
/// message is made.
/// </summary>
internal static class Printable
{
    /// <summary>The most characters that are shown; the rest is left out, and the message gives its number.</summary>
    public const int MaxCharacters = 200;

    /// <summary>
    /// The text with <c>\n</c>, <c>\r</c>, <c>\t</c>, <c>\\</c> and <c>\u{1b}</c> in place of unprintable characters.
    /// </summary>
    public static string Of(string text, int maxCharacters = MaxCharacters)
    {
        if (text.Length <= maxCharacters && text.All(c => c is >= ' ' and <= '~' and not '\\'))
            return text;
        var shown = new StringBuilder(text.Length);
        var left = maxCharacters;
        var taken = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (left-- == 0)
                return shown.Append(CultureInfo.InvariantCulture, $"… ({text.Length - taken} more)").ToString();
            taken += rune.Utf16SequenceLength;
            Append(shown, rune);
        }

        return shown.ToString();
    }

    /// <summary>Whether a text is safe as it is: only a backslash in it would be escaped.</summary>
    public static bool IsFit(string text) => text.All(c => c is >= ' ' and <= '~') || text.EnumerateRunes().All(PrintableText.IsPrintable);

    /// <summary>
    /// Escapes a whole message before it goes to a log. Its quotations of a peer were escaped already. So this changes
    /// only foreign texts (such as an exception of the application that quotes a line). Backslashes stay, and nothing
    /// is cut.
    /// </summary>
    public static string Message(string text) => PrintableText.Escape(text);

    private static StringBuilder Append(StringBuilder shown, Rune rune) => rune.Value == '\\' ? shown.Append("\\\\") : PrintableText.Append(shown, rune);
}
