using System.Reactive.Concurrency;
using Examples.Common;
using Spectre.Console;

namespace Examples.RemoteControl;

/// <summary>A lamp, as far as a terminal goes.</summary>
internal static class Lamp
{
    private static readonly string[] Lit = [@"  \ | /  ", @" - (●) - ", @"  / ‾ \  "];
    private static readonly string[] Dark = ["         ", "   (○)   ", "    ‾    "];

    public static void Draw(Stage stage, Voice voice, Press press)
    {
        // Between two programs the clocks have nothing in common.
        var late = stage.Stopwatch.Elapsed.TotalMilliseconds - press.Ms;
        voice.Say("lamp", $"{(press.IsLit ? "● on" : "○ off")}{(late is >= 0 and < 60_000 ? $", {late:F1} ms after the key" : "")}");
        if (stage.Plain)
            return;
        foreach (var line in press.IsLit ? Lit : Dark)
            AnsiConsole.MarkupLine($"{new string(' ', 21)}[{(press.IsLit ? "yellow bold" : "grey")}]{line}[/]");
    }
}
