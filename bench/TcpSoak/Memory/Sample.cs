using System.Diagnostics;

namespace TcpSoak.Memory;

/// <summary>What this process holds at a moment.</summary>
/// <param name="At">Since the run began.</param>
/// <param name="Outages">Outages so far.</param>
/// <param name="HeapBytes">Live objects: the managed heap right after a full collection.</param>
/// <param name="ResidentBytes">The memory that the system counts to this process.</param>
/// <param name="Threads">Threads of the system.</param>
/// <param name="Handles">Open handles: sockets, files, events.</param>
internal sealed record Sample(TimeSpan At, long Outages, long HeapBytes, long ResidentBytes, int Threads, int Handles)
{
    public static Sample Take(TimeSpan at, long outages)
    {
        // Twice, for what finalizers let go.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        return new Sample(at, outages, GC.GetTotalMemory(forceFullCollection: false), process.WorkingSet64, process.Threads.Count, process.HandleCount);
    }
}
