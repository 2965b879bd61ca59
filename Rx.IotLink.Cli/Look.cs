using System.Globalization;
using System.Text;

namespace Rx.IotLink.Cli;

/// <summary>
/// How text is shown. A terminal obeys control characters, so what came from outside is shown there without any; and received lines bear a mark, since what is typed stands
/// beside them. Into a pipe or a file everything goes as it is.
/// </summary>
/// <param name="IsTerminal">Whether people look at it.</param>
/// <param name="HasColours">Whether it is a terminal that knows the colours of ANSI.</param>
internal readonly record struct Look(bool IsTerminal, bool HasColours)
{
    private const string Cyan = "\u001b[36m";
    private const string Faint = "\u001b[2m";
    private const string Normal = "\u001b[0m";

    // Each makes the text beside it appear in another order than it has.
    private const string Bidirectional = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069";

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

    /// <summary>Puts <c>\uXXXX</c>, as in JSON, for each control character but TAB, and for those that turn the direction of text.</summary>
    public static string Escape(string text)
    {
        if (!text.Any(IsEscaped))
            return text;
        var visible = new StringBuilder(text.Length + 16);
        foreach (var c in text)
            _ = IsEscaped(c) ? visible.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}") : visible.Append(c);
        return visible.ToString();
    }

    private static bool IsEscaped(char c) =>
        (char.IsControl(c) && c != '\t') || c is '\u2028' or '\u2029' || Bidirectional.Contains(c, StringComparison.Ordinal);

    private string Colour(string colour, string text) => HasColours ? colour + text + Normal : text;
}
