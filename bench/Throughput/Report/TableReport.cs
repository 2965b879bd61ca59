using System.Globalization;
using Spectre.Console;

namespace Throughput.Report;

/// <summary>The results for people.</summary>
internal static class TableReport
{
    public static void Begin(Machine machine, Settings settings)
    {
        AnsiConsole.WriteLine($"{machine.Cpu}, {machine.Cores} cores; {machine.DotNet}; {machine.Os}; commit {machine.Commit}");
        AnsiConsole.WriteLine($"protocol {settings.Protocol}, lines of 32 bytes, {settings.Rounds} rounds of {settings.Seconds} s each; medians");
        if (settings.MakesFiles)
            AnsiConsole.WriteLine($"stores: {settings.Folder.FullName} ({Machine.FileSystem(settings.Folder)})");
    }

    public static void Progress(int round, Measurement measurement, Sample sample) =>
        AnsiConsole.WriteLine($"round {round}: {measurement.Name} {Number(sample.LinesPerSecond, "n0")} lines/s");

    public static void Print(IReadOnlyList<Result> results)
    {
        var table = new Table().AddColumns("what", "lines/s", "of baseline", "CPU µs/line", "bytes/line", "p50 µs", "p99 µs", "p99.9 µs", "records/commit", "µs/commit");
        for (var column = 1; column < table.Columns.Count; column++)
            table.Columns[column].RightAligned();
        foreach (var result in results)
        {
            table.AddRow(
                Markup.Escape(result.Measurement.Description),
                Number(result.Median(s => s.LinesPerSecond), "n0"),
                result.RatioToBaseline is { } ratio ? $"{Number(ratio, ratio < 0.1 ? "p1" : "p0")} of {result.Measurement.Baseline}" : "",
                Number(result.Median(s => s.CpuMicrosecondsPerLine), "n2"),
                Number(result.Median(s => s.BytesPerLine), "n0"),
                IfAny(result, s => s.P50),
                IfAny(result, s => s.P99),
                IfAny(result, s => s.P999),
                IfAny(result, s => s.RecordsPerCommit, "n1"),
                IfAny(result, s => s.MicrosecondsPerCommit));
        }

        // In full, wherever it is printed to.
        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 180);
        AnsiConsole.Write(table);
    }

    private static string IfAny(Result result, Func<Sample, double?> of, string format = "n0") =>
        result.Samples.All(s => of(s) is not null) ? Number(result.Median(s => of(s)!.Value), format) : "";

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
