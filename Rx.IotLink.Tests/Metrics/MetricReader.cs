using System.Diagnostics.Metrics;

namespace Rx.IotLink.Tests.Metrics;

/// <summary>A real listener, to the meters of one factory; and that factory.</summary>
internal sealed class MetricReader : IMeterFactory
{
    private readonly Lock gate = new();
    private readonly List<Meter> meters = [];
    private readonly List<Metric> measured = [];
    private readonly MeterListener listener = new();

    public MetricReader(bool listens = true)
    {
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Scope == this)
                l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(new(instrument, value, [.. tags])));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(new(instrument, value, [.. tags])));
        if (listens)
            listener.Start();
    }

    /// <summary>Called with each measurement, on the thread that measures.</summary>
    public Action<Metric>? OnMeasured { get; set; }

    public TelemetryOptions Options => new() { MeterFactory = this };

    /// <summary>What was measured of an instrument so far.</summary>
    public IReadOnlyList<Metric> Of(string name)
    {
        lock (gate)
            return [.. measured.Where(m => m.Instrument.Name == name)];
    }

    /// <summary>All observable instruments now.</summary>
    public IReadOnlyList<Metric> Read()
    {
        lock (gate)
            measured.RemoveAll(m => m.Instrument.IsObservable);
        listener.RecordObservableInstruments();
        lock (gate)
            return [.. measured.Where(m => m.Instrument.IsObservable)];
    }

    /// <summary>The sum of the values with these tags, each as <c>name=value</c>.</summary>
    public long Sum(string name, params string[] tags) => (long)Read().Where(m => m.Instrument.Name == name && tags.All(m.Has)).Sum(m => m.Value);

    public Meter Create(MeterOptions options)
    {
        options.Scope = this;
        var meter = new Meter(options);
        lock (gate)
            meters.Add(meter);
        return meter;
    }

    public void Dispose()
    {
        listener.Dispose();
        foreach (var meter in meters)
            meter.Dispose();
    }

    private void Add(Metric metric)
    {
        lock (gate)
            measured.Add(metric);
        OnMeasured?.Invoke(metric);
    }
}

/// <summary>One measurement.</summary>
internal sealed record Metric(Instrument Instrument, double Value, KeyValuePair<string, object?>[] Tags)
{
    public bool Has(string tag) => Tags.Any(t => $"{t.Key}={t.Value}" == tag);

    public override string ToString() => $"{Instrument.Name}{{{string.Join(",", Tags.Select(t => $"{t.Key}={t.Value}"))}}} {Value}";
}
