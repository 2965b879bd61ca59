using System.Text.RegularExpressions;

namespace Rx.IotLink.Tests.Processes;

/// <summary>
/// What a terminal shows after all that was written to it: the controls that the programs use, lines that are too long
/// for it, and all that has scrolled away.
/// </summary>
internal static partial class TerminalScreen
{
    public static IReadOnlyList<string> Show(string written, int columns)
    {
        var lines = new List<List<char>> { new() };
        var (row, column) = (0, 0);
        foreach (Match token in Tokens().Matches(written))
        {
            var number = int.TryParse(token.Groups["number"].ValueSpan, out var n) ? n : 1;
            switch (token.Groups["control"].Value is { Length: > 0 } control ? "ESC " + control : token.Value)
            {
                case "\r":
                    column = 0;
                    break;
                case "\n":
                    row++;
                    break;
                case "ESC A":
                    row = Math.Max(0, row - number);
                    break;
                case "ESC J":
                    Cut(lines[row], column);
                    lines.RemoveRange(row + 1, lines.Count - row - 1);
                    break;
                case "ESC K":
                    Cut(lines[row], column);
                    break;
                case { Length: 1 } text:
                    (row, column) = column == columns ? (row + 1, 0) : (row, column);
                    while (lines.Count <= row)
                        lines.Add([]);
                    Put(lines[row], column++, text[0]);
                    break;
                default:
                    // Colours, and whether a cursor is shown.
                    break;
            }

            while (lines.Count <= row)
                lines.Add([]);
        }

        return [.. lines.Select(line => new string([.. line]).TrimEnd())];
    }

    private static void Cut(List<char> line, int from) => line.RemoveRange(Math.Min(from, line.Count), line.Count - Math.Min(from, line.Count));

    private static void Put(List<char> line, int at, char character)
    {
        while (line.Count <= at)
            line.Add(' ');
        line[at] = character;
    }

    [GeneratedRegex(@"\u001b\[\??(?<number>[0-9]*)[0-9;]*(?<control>[A-Za-z])|\u001b.|.", RegexOptions.Singleline | RegexOptions.ExplicitCapture, 10_000)]
    private static partial Regex Tokens();
}
