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
    }

    public static void Progress(int round, Measurement measurement, Sample sample) =>
        AnsiConsole.WriteLine($"round {round}: {measurement.Name} {Number(sample.LinesPerSecond, "n0")} lines/s");

    public static void Print(IReadOnlyList<Result> results)
    {
        var table = new Table().AddColumns("what", "lines/s", "of raw", "CPU µs/line", "bytes/line", "p50 µs", "p99 µs", "p99.9 µs");
        for (var column = 1; column < table.Columns.Count; column++)
            table.Columns[column].RightAligned();
        foreach (var result in results)
        {
            table.AddRow(
                Markup.Escape(result.Measurement.Description),
                Number(result.Median(s => s.LinesPerSecond), "n0"),
                result.RatioToBaseline is { } ratio ? Number(ratio, "p0") : "",
                Number(result.Median(s => s.CpuMicrosecondsPerLine), "n2"),
                Number(result.Median(s => s.BytesPerLine), "n0"),
                Latency(result, s => s.P50),
                Latency(result, s => s.P99),
                Latency(result, s => s.P999));
        }

        // In full, wherever it is printed to.
        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 140);
        AnsiConsole.Write(table);
    }

    private static string Latency(Result result, Func<Sample, double?> of) =>
        result.Samples.All(s => of(s) is not null) ? Number(result.Median(s => of(s)!.Value), "n0") : "";

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
