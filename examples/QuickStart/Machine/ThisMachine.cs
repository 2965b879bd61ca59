using System.Reactive.Concurrency;

namespace QuickStart.Machine;

/// <summary>
/// Four sensors that every machine has: from /proc where there is one, else from what .NET knows on any system.
/// </summary>
internal static class ThisMachine
{
    public static IReadOnlyList<Sensor> Sensors(IStopwatch stopwatch) =>
    [
        ProcFiles.Load() is not null
            ? new Sensor("load", "tasks", () => ProcFiles.Load() ?? 0)
            : new Sensor("cpu", "ms/s", new Rate(() => Environment.CpuUsage.TotalTime.TotalMilliseconds, stopwatch).PerSecond),
        new Sensor("memory", "MB", () => ProcFiles.MemoryUsed() ?? Anywhere.MemoryUsed()),
        new Sensor("network", "kB/s", new Rate(() => ProcFiles.NetworkTraffic() ?? Anywhere.NetworkTraffic(), stopwatch).PerSecond),
        new Sensor("process", "MB", () => Environment.WorkingSet / 1e6),
    ];
}
