using System.Globalization;
using System.Text.Json;
using Rx.IotLink.Bench.Fleet.Control;
using Rx.IotLink.Bench.Fleet.Measurements;
using Spectre.Console;

namespace Rx.IotLink.Bench.Fleet;

/// <summary>Figures as a table, and as JSON.</summary>
internal static class Report
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true };

    public static void Show(IReadOnlyList<Figure> figures)
    {
        var here = Machine.Here;
        AnsiConsole.MarkupLineInterpolated($"{here.Processor}, {here.Cores} cores, {here.System}, {here.Runtime}, commit {here.Commit}");
        var table = new Table().AddColumns("what", "unit", "links", "bare", "links/bare", "target").Border(TableBorder.Markdown);
        foreach (var figure in figures)
            table.AddRow(Markup.Escape(figure.What), figure.Unit, Text(figure.Median), Text(figure.BareMedian), Text(figure.Ratio), figure.Target);
        // A table in a file is as wide as it is.
        if (Console.IsOutputRedirected)
            AnsiConsole.Profile.Width = 200;
        AnsiConsole.Write(table);
    }

    public static void Save(IReadOnlyList<Figure> figures, string path, string[] arguments) =>
        File.WriteAllText(path, JsonSerializer.Serialize(new { Machine = Machine.Here, Arguments = arguments, Figures = figures }, Json));

    private static string Text(double? value) => value switch
    {
        null => "",
        { } v when Math.Abs(v) >= 100 => v.ToString("N0", CultureInfo.InvariantCulture),
        { } v => v.ToString("0.##", CultureInfo.InvariantCulture),
    };
}
