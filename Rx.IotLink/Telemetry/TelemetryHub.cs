using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Reactive.Concurrency;
using System.Runtime.CompilerServices;
using Rx.IotLink.Time;

namespace Rx.IotLink.Telemetry;

/// <summary>
/// The meter of some servers and clients, which are its sources. It counts nothing itself: a listener that asks gets
/// the sums of the counts that the links have. One look at all links serves all instruments of one round.
/// </summary>
/// <remarks>
/// The sums of sources and links that have gone are kept: a counter must not fall. A listener is never called under a
/// lock: what it gets is a copy. Lock order: this lock, that of a registry, that of a link.
/// </remarks>
internal sealed class TelemetryHub
{
    public const string Name = "Rx.IotLink";

    /// <summary>A look at the links is used by no instrument after this time.</summary>
    private static readonly TimeSpan OldAfter = TimeSpan.FromSeconds(1);

    private static readonly string? Version = typeof(TelemetryHub).Assembly.GetName().Version?.ToString(3);
    private static readonly Lazy<TelemetryHub> OfProcess = new(static () => new(new Meter(new MeterOptions(Name) { Version = Version })));
    private static readonly ConditionalWeakTable<IMeterFactory, TelemetryHub> OfFactories = [];

    private readonly Lock gate = new();
    private readonly Deadlines clock = Deadlines.On(DefaultScheduler.Instance);

    // Weak: a client that nobody has closed, and nobody knows any more, must not stay for its counts.
    private readonly ConditionalWeakTable<TelemetrySource, TelemetrySource> sources = [];
    private readonly TelemetrySums gone = new();
    private TelemetrySums? current;
    private TimeSpan lookedAt;

    // The instruments that have reported the current sums.
    private readonly HashSet<int> told = [];

    private TelemetryHub(Meter meter) => Instruments = new(meter, this);

    /// <summary>The source of activities. It costs a comparison while nobody listens.</summary>
    public static ActivitySource Activities { get; } = new(Name, Version);

    public Instruments Instruments { get; }

    public static TelemetryHub Of(TelemetryOptions options) => options.MeterFactory is { } factory
        ? OfFactories.GetValue(factory, static f => new(f.Create(new MeterOptions(Name) { Version = Version })))
        : OfProcess.Value;

    public void Add(TelemetrySource source) => sources.AddOrUpdate(source, source);

    /// <summary>A source has ended. Its counts stay.</summary>
    public void Remove(TelemetrySource source)
    {
        lock (gate)
        {
            if (!sources.Remove(source))
                return;
            var last = new TelemetrySums();
            source.AddTo(last);
            gone.AddCounts(last);
        }
    }

    /// <summary>
    /// The sums for an instrument: those of this round, or new ones if it has got those already, or they are old.
    /// </summary>
    public TelemetrySums SumsFor(int instrument)
    {
        lock (gate)
        {
            if (current is null || !told.Add(instrument) || clock.Now - lookedAt > OldAfter)
            {
                (current, lookedAt) = (Look(), clock.Now);
                told.Clear();
                told.Add(instrument);
            }

            return current;
        }
    }

    private TelemetrySums Look()
    {
        var sums = new TelemetrySums();
        sums.AddCounts(gone);
        foreach (var (source, _) in sources)
            source.AddTo(sums);
        return sums;
    }
}

/// <summary>A server or a client.</summary>
internal abstract class TelemetrySource
{
    /// <summary>Adds what it has. Called under the lock of the hub, so it calls nothing of the application.</summary>
    public abstract void AddTo(TelemetrySums sums);
}
