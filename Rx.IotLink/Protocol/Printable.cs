using System.Globalization;
using System.Text;

namespace Rx.IotLink.Protocol;

/// <summary>
/// What a peer said, fit for a log and a terminal: no control character can forge a line or move a cursor, no format
/// character can hide text or turn its direction.
/// Every message that holds text from outside takes it through here, where the message is made.
/// </summary>
internal static class Printable
{
    /// <summary>Characters that are shown; the rest is left out, and its number said.</summary>
    public const int MaxCharacters = 200;

    /// <summary>The text with <c>\n</c>, <c>\r</c>, <c>\t</c>, <c>\\</c> and <c>\u{1b}</c> in place of what is not
    /// printed.</summary>
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

    /// <summary>Whether a text is fit as it is: nothing in it is escaped but a backslash.</summary>
    public static bool IsFit(string text) => text.All(c => c is >= ' ' and <= '~') || text.EnumerateRunes().All(PrintableText.IsPrintable);

    /// <summary>
    /// A whole message on its last step to a log. What it quotes of a peer was escaped where it was made, so this finds
    /// something only in a text of somebody else (an exception of the application that quotes a line): its backslashes
    /// stay, and nothing is cut.
    /// </summary>
    public static string Message(string text) => PrintableText.Escape(text);

    private static StringBuilder Append(StringBuilder shown, Rune rune) => rune.Value == '\\' ? shown.Append("\\\\") : PrintableText.Append(shown, rune);
}
