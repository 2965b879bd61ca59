using System.CommandLine;

namespace Rx.IotLink.Cli;

/// <summary>What somebody may have meant by a word that is none of this program's.</summary>
internal static class NearestWord
{
    private const int LongestWord = 40;

    /// <summary>The nearest command or option; null: nothing is near.</summary>
    /// <param name="word">The word.</param>
    /// <param name="command">The command that it was given to.</param>
    public static string? To(string word, Command command)
    {
        if (word.Length is < 2 or > LongestWord)
            return null;
        var isOption = word.StartsWith('-');
        var known = isOption
            ? command.Options.SelectMany(option => (string[])[option.Name, .. option.Aliases]).Append("--help")
            : command.Subcommands.SelectMany(sub => (string[])[sub.Name, .. sub.Aliases]);
        // A third of the letters: "serv" is "serve", "xyz" is nothing.
        return known.MinBy(name => Distance(word, name)) is { } nearest && Distance(word, nearest) <= Math.Max(1, word.Length / 3) ? nearest : null;
    }

    /// <summary>
    /// How many letters must be inserted, left out, replaced, or change places with their neighbours.
    /// </summary>
    internal static int Distance(string from, string to)
    {
        var (before, last, row) = (new int[to.Length + 1], Enumerable.Range(0, to.Length + 1).ToArray(), new int[to.Length + 1]);
        for (var i = 1; i <= from.Length; i++)
        {
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                row[j] = Math.Min(Math.Min(last[j], row[j - 1]) + 1, last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                    row[j] = Math.Min(row[j], before[j - 2] + 1);
            }

            (before, last, row) = (last, row, before);
        }

        return last[^1];
    }
}
