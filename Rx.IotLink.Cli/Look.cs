using System.Globalization;
using System.Text;

namespace Rx.IotLink.Cli;

/// <summary>
/// How text is shown. A terminal executes control characters, so text from outside is shown there without them.
/// Received lines have a mark, to distinguish them from typed text. A pipe or a file gets everything unchanged.
/// </summary>
/// <param name="IsTerminal">Whether it is a terminal.</param>
/// <param name="HasColours">Whether it is a terminal that knows the colours of ANSI.</param>
internal readonly record struct Look(bool IsTerminal, bool HasColours)
{
    private const string Cyan = "\u001b[36m";
    private const string Faint = "\u001b[2m";
    private const string Normal = "\u001b[0m";

    /// <summary>How a stream is shown: see https://no-color.org for the variable.</summary>
    public static Look Of(bool isTerminal) => new(
        isTerminal,
        isTerminal && !OperatingSystem.IsWindows() && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb"));

    /// <summary>A received line.</summary>
    public string Received(string line) => IsTerminal ? Colour(Cyan, "< " + Escape(line)) : line;

    /// <summary>Text of a form of its own, which must not get a mark.</summary>
    public string Bare(string text) => IsTerminal ? Escape(text) : text;

    /// <summary>What happened. Escaped even in a file, since files of events are looked at on terminals.</summary>
    public string Happened(string text) => Colour(Faint, Escape(text));

    /// <summary>
    /// Puts <c>\uXXXX</c>, as in JSON, for each character that is not printable (<see cref="PrintableText"/>), but TAB.
    /// </summary>
    public static string Escape(string text)
    {
        if (!text.EnumerateRunes().Any(IsEscaped))
            return text;
        var visible = new StringBuilder(text.Length + 16);
        Span<char> pair = stackalloc char[2];
        foreach (var rune in text.EnumerateRunes())
        {
            if (!IsEscaped(rune))
            {
                visible.Append(rune);
                continue;
            }

            foreach (var c in pair[..rune.EncodeToUtf16(pair)])
                visible.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }

        return visible.ToString();
    }

    /// <summary>Whether a character is not shown as it is.</summary>
    private static bool IsEscaped(Rune rune) => rune.Value != '\t' && !PrintableText.IsPrintable(rune);

    private string Colour(string colour, string text) => HasColours ? colour + text + Normal : text;
}
