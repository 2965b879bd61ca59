using System.Reactive.Concurrency;
using Examples.Common;
using Spectre.Console;

namespace Examples.RemoteControl;

/// <summary>A lamp, as far as a terminal goes.</summary>
internal static class Lamp
{
    private static readonly string[] Lit = [@"  \ | /  ", @" - (●) - ", @"  / ‾ \  "];
    private static readonly string[] Dark = ["         ", "   (○)   ", "    ‾    "];

    /// <param name="stage">Where it is drawn.</param>
    /// <param name="voice">Prints what it does.</param>
    /// <param name="press">What the button says.</param>
    /// <param name="oneClock">
    /// Whether the button is in the same process: otherwise the two clocks have nothing in common.
    /// </param>
    public static void Draw(Stage stage, Voice voice, Press press, bool oneClock)
    {
        var late = oneClock ? $", {stage.Stopwatch.Elapsed.TotalMilliseconds - press.Ms:F1} ms after the key" : "";
        voice.Say("lamp", (press.IsLit ? "● on" : "○ off") + late);
        if (stage.Plain)
            return;
        foreach (var line in press.IsLit ? Lit : Dark)
            AnsiConsole.MarkupLine($"{new string(' ', 21)}[{(press.IsLit ? "yellow bold" : "grey")}]{line}[/]");
    }
}
