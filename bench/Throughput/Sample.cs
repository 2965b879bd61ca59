using System.Diagnostics;

namespace Throughput;

/// <summary>
/// One measurement in one round. CPU time and allocations are those of the whole process: client, server and runtime.
/// </summary>
/// <param name="RecordsPerCommit">The mean of both ends' stores; null where there are none.</param>
/// <param name="MicrosecondsPerCommit">As <paramref name="RecordsPerCommit"/>.</param>
internal sealed record Sample(
    double LinesPerSecond,
    double CpuMicrosecondsPerLine,
    double BytesPerLine,
    double? P50,
    double? P99,
    double? P999,
    double? RecordsPerCommit,
    double? MicrosecondsPerCommit);

/// <summary>What the process has used up to a moment.</summary>
internal readonly record struct Usage(long Timestamp, TimeSpan Cpu, long Bytes, long Lines)
{
    public static Usage Of(Workload workload) =>
        new(Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes(precise: true), workload.Lines);

    public Sample Until(Usage end, Workload workload)
    {
        var lines = Math.Max(1, end.Lines - Lines);
        return new(
            (end.Lines - Lines) / Stopwatch.GetElapsedTime(Timestamp, end.Timestamp).TotalSeconds,
            (end.Cpu - Cpu).TotalMicroseconds / lines,
            (double)(end.Bytes - Bytes) / lines,
            workload.Latencies.Percentile(0.5),
            workload.Latencies.Percentile(0.99),
            workload.Latencies.Percentile(0.999),
            workload.Commits.RecordsEach,
            workload.Commits.MicrosecondsEach);
    }
}
