using System.Reactive.Concurrency;

namespace Rx.IotLink.Testing.Tcp;

/// <summary>The name and the clock of a <see cref="FaultProxy"/>.</summary>
public sealed record FaultProxyOptions
{
    /// <summary>The proxy's name in its records. Default "proxy".</summary>
    public string Name { get; init; } = "proxy";

    /// <summary>
    /// Measures how long faults, latencies and pauses last. Default: real time. With a virtual clock they end when the
    /// test lets time pass; the sockets themselves have no virtual time.
    /// </summary>
    public IScheduler Scheduler { get; init; } = DefaultScheduler.Instance;

    /// <summary>
    /// The time in the records, to compare them with other records. Default null: one of <see cref="Scheduler"/>,
    /// started with the proxy.
    /// </summary>
    public IStopwatch? Stopwatch { get; init; }

    /// <summary>
    /// The most open connections at a time; a further one is reset. Default 64; 1 to 10,000.
    /// </summary>
    public int MaxConnections { get; init; } = 64;

    internal void Validate()
    {
        Range.Given(Name, nameof(Name));
        Range.Given(Scheduler, nameof(Scheduler));
        Range.Check(MaxConnections, 1, 10_000, nameof(MaxConnections));
    }
}
