using Throughput.Kept;

namespace Throughput;

/// <summary>Carries lines as fast as it can until it is stopped.</summary>
internal abstract class Workload : IAsyncDisposable
{
    private volatile bool stopping;

    /// <summary>From the moment a line is written to the moment its writer knows that it was acknowledged.</summary>
    public LatencyHistogram Latencies { get; } = new();

    /// <summary>What the stores of both ends have written; nothing, where there are none.</summary>
    public Commits Commits { get; } = new();

    /// <summary>Lines that were acknowledged, or where nothing is acknowledged handed to the connection.</summary>
    public abstract long Lines { get; }

    protected bool Stopping => stopping;

    /// <summary>Makes the connections.</summary>
    public abstract Task OpenAsync();

    /// <summary>Carries lines until <see cref="Stop"/>; fails if a line is lost, repeated or out of order.</summary>
    public abstract Task RunAsync();

    public void Stop() => stopping = true;

    public abstract ValueTask DisposeAsync();
}
