using System.Globalization;
using Spectre.Console;
using Throughput;

namespace Peers;

/// <summary>
/// What a connection at rest holds: heap of both ends, in one process, after each connection has carried a line.
/// </summary>
internal static class Rest
{
    private const int Most = 20_000;
    private const int Few = 10;

    public static async Task<int> RunAsync(string count)
    {
        if (Parse(count) is not { } connections)
            return 2;
        var table = new Table().AddColumns("what", "bytes of heap a connection");
        foreach (var (measurement, warmUp) in Measurements.AtRest(connections).Zip(Measurements.AtRest(Few)))
        {
            table.AddRow(Markup.Escape(measurement.Description), (await MeasureAsync(measurement, warmUp, connections)).ToString("n0", CultureInfo.InvariantCulture));
        }

        AnsiConsole.Write(table);
        return 0;
    }

    /// <summary>A number of connections; null, with a sentence, if it is none.</summary>
    public static int? Parse(string count)
    {
        if (int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var connections) && connections is >= 1 and <= Most)
            return connections;
        Console.Error.WriteLine($"A number of connections is from 1 to {Most}, not '{count}'.");
        return null;
    }

    private static async Task<double> MeasureAsync(Measurement measurement, Measurement warmUp, int connections)
    {
        // What is made once must not count.
        await using var few = warmUp.Create(Settings.Default);
        await few.OpenAsync();
        few.Stop();
        await few.RunAsync();
        await using var workload = measurement.Create(Settings.Default);
        var before = Heap();
        await workload.OpenAsync();
        workload.Stop();
        await workload.RunAsync();
        return (double)(Heap() - before) / connections;
    }

    public static long Heap()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
