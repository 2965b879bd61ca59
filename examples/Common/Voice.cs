using System.Reactive.Concurrency;
using Rx.IotLink;
using Spectre.Console;

namespace Examples.Common;

/// <summary>Prints what happens, a line at a time: when, who, what. In colour on a terminal that has colours.</summary>
public sealed class Voice(Stage stage)
{
    private static readonly string[] Colours = ["aqua", "yellow", "fuchsia", "lime", "orange1", "deepskyblue1"];
    private readonly Lock _gate = new();
    private readonly Dictionary<string, string> _colours = new(StringComparer.Ordinal);

    /// <summary>What stands below, if anything does.</summary>
    public Picture Picture { get; } = new();

    /// <summary>Says something. May be called from any thread.</summary>
    public void Say(string who, string text, Mood mood = Mood.Calm)
    {
        // A device may say anything: nothing of it moves the cursor.
        (who, text) = (PrintableText.Escape(who), PrintableText.Escape(text));
        var at = $"{stage.Stopwatch.Elapsed.TotalSeconds,7:F2} s";
        lock (_gate)
        {
            if (stage.Plain)
            {
                Console.WriteLine($"{at}  {who,-8}  {text}");
                return;
            }

            if (!_colours.TryGetValue(who, out var colour))
                _colours.Add(who, colour = Colours[_colours.Count % Colours.Length]);
            Picture.Line($"[grey]{at}[/]  [{colour}]{Markup.Escape($"{who,-8}")}[/]  {Toned(Markup.Escape(text), mood)}");
        }
    }

    private static string Toned(string text, Mood mood) => mood switch
    {
        Mood.Good => $"[green]{text}[/]",
        Mood.Bad => $"[red]{text}[/]",
        _ => text,
    };
}

/// <summary>How something is said.</summary>
public enum Mood
{
    /// <summary>As any other thing.</summary>
    Calm,

    /// <summary>Good news.</summary>
    Good,

    /// <summary>Bad news.</summary>
    Bad,
}
