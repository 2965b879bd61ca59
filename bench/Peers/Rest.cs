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

    public static async Task<int> RunAsync(string count)
    {
        if (!int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var connections) || connections is < 1 or > Most)
        {
            await Console.Error.WriteLineAsync($"rest needs a number of connections from 1 to {Most}, not '{count}'.");
            return 2;
        }

        var table = new Table().AddColumns("what", "bytes of heap a connection");
        foreach (var measurement in Measurements.AtRest(connections))
        {
            // Once before: what is made once must not count.
            await MeasureAsync(measurement, connections);
            table.AddRow(Markup.Escape(measurement.Description), (await MeasureAsync(measurement, connections)).ToString("n0", CultureInfo.InvariantCulture));
        }

        AnsiConsole.Write(table);
        return 0;
    }

    private static async Task<double> MeasureAsync(Measurement measurement, int connections)
    {
        await using var workload = measurement.Create(Settings.Default);
        var before = Heap();
        await workload.OpenAsync();
        workload.Stop();
        await workload.RunAsync();
        return (double)(Heap() - before) / connections;
    }

    private static long Heap()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
