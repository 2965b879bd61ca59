using System.Text.Json;

namespace Throughput.Report;

/// <summary>The results for programs: every sample, so that anything can be computed from them.</summary>
internal static class JsonReport
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static async Task WriteAsync(FileInfo file, Machine machine, Settings settings, IReadOnlyList<Result> results)
    {
        await using var stream = file.Create();
        await JsonSerializer.SerializeAsync(
            stream,
            new
            {
                machine,
                protocol = settings.Protocol,
                rounds = settings.Rounds,
                seconds = settings.Seconds,
                storesOn = settings.MakesFiles ? Machine.FileSystem(settings.Folder) : null,
                results = results.Select(r => new
                {
                    name = r.Measurement.Name,
                    description = r.Measurement.Description,
                    baseline = r.Measurement.Baseline,
                    linesPerSecond = r.Median(s => s.LinesPerSecond),
                    ratioToBaseline = r.RatioToBaseline,
                    cpuMicrosecondsPerLine = r.Median(s => s.CpuMicrosecondsPerLine),
                    bytesPerLine = r.Median(s => s.BytesPerLine),
                    samples = r.Samples,
                }),
            },
            Options);
    }
}
