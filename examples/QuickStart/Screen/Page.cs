using Spectre.Console;

namespace QuickStart.Screen;

/// <summary>
/// Text below the table. A file or a pipe has lines of any length; on a terminal they end between words.
/// </summary>
internal static class Page
{
    /// <summary>How many characters a line may have.</summary>
    public static int Width => Console.IsOutputRedirected ? int.MaxValue : AnsiConsole.Profile.Width;

    public static void Say(string sentence)
    {
        if (sentence.Length < Width)
            Console.WriteLine(sentence);
        else
            AnsiConsole.Write(new Rows(new Text(sentence)));
    }
}
