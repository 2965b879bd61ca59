using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;

namespace Throughput;

/// <summary>All samples of one measurement, and those of its baseline, if it was measured in the same rounds.</summary>
internal sealed record Result(Measurement Measurement, IReadOnlyList<Sample> Samples, IReadOnlyList<Sample>? Baseline)
{
    public double Median(Func<Sample, double> of) => Median(Samples.Select(of));

    /// <summary>
    /// Of the ratios within each round, since what else the machine does changes from round to round.
    /// </summary>
    public double? RatioToBaseline =>
        Baseline is null ? null : Median(Samples.Zip(Baseline, (sample, raw) => sample.LinesPerSecond / raw.LinesPerSecond));

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}

/// <summary>Measures everything in turn, round after round.</summary>
internal sealed class Rounds(Settings settings)
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(0.5);

    public async Task<IReadOnlyList<Result>> RunAsync(Action<int, Measurement, Sample> progress, CancellationToken cancellationToken)
    {
        var wanted = Measurements.All.Where(m => settings.Only.Count == 0 || settings.Only.Contains(m.Name, StringComparer.Ordinal)).ToList();
        var measured = Measurements.All.Where(m => wanted.Contains(m) || wanted.Exists(w => w.Baseline == m.Name)).ToList();
        var samples = measured.ToDictionary(m => m.Name, _ => new List<Sample>(), StringComparer.Ordinal);
        // Round 0 does not count: until everything has run for a while, the runtime is still compiling it.
        for (var round = 0; round <= settings.Rounds; round++)
        {
            // There and back again, so that none is always the first.
            foreach (var measurement in round % 2 == 1 ? measured : Enumerable.Reverse(measured))
            {
                cancellationToken.ThrowIfCancellationRequested();
                var sample = await MeasureAsync(measurement);
                if (round > 0)
                    samples[measurement.Name].Add(sample);
                progress(round, measurement, sample);
            }
        }

        return [.. measured.Select(m => new Result(m, samples[m.Name], m.Baseline is { } name ? samples.GetValueOrDefault(name) : null))];
    }

    private async Task<Sample> MeasureAsync(Measurement measurement)
    {
        await using var workload = measurement.Create(settings);
        await workload.OpenAsync();
        var running = Task.Run(workload.RunAsync);
        await WaitAsync(WarmUp, running);
        workload.Latencies.Clear();
        workload.Commits.Clear();
        var begin = Usage.Of(workload);
        await WaitAsync(settings.Length, running);
        var end = Usage.Of(workload);
        workload.Stop();
        await running;
        return begin.Until(end, workload);
    }

    /// <summary>Waits, or fails at once with the workload.</summary>
    private static async Task WaitAsync(TimeSpan time, Task running)
    {
        if (await Task.WhenAny(running, Observable.Timer(time).ToTask()) == running)
            await running;
    }
}
