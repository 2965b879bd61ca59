using Rx.IotLink.Protocol;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace Rx.IotLink.Telemetry;

/// <summary>What the links of one server, or the link of one client, report.</summary>
internal sealed class LinkTelemetry
{
    private readonly TelemetryOptions options;
    private readonly LinkTags tags;
    private readonly long[] outages = new long[Words.OutageReasons.Length];

    private int ownSeries;

    public LinkTelemetry(LinkOptions options, string role)
    {
        this.options = options.Telemetry;
        Hub = TelemetryHub.Of(options.Telemetry);
        tags = new(role, options.Telemetry.Name);
        Events = new(options.ObserversOfOne());
    }

    public TelemetryHub Hub { get; }

    public MeasuredEvents Events { get; }

    public string? Name => options.Name;

    /// <summary>Whether somebody wants to know of each write.</summary>
    public bool WatchesWrites => Hub.Instruments.WriteDuration.Enabled || TelemetryHub.Activities.HasListeners();

    /// <summary>
    /// A link begins. It gets series of its own now or never: a counter must not fall because a link has left it.
    /// </summary>
    public void Join(Link link)
    {
        if (options.MaxDevices == 0)
            return;
        link.HasOwnSeries = Interlocked.Increment(ref ownSeries) <= options.MaxDevices;
        if (!link.HasOwnSeries)
            Interlocked.Decrement(ref ownSeries);
    }

    /// <summary>A link has gone. Its own series end; else its counts go to the sum that stays.</summary>
    public void Leave(Link link, LinkTotals gone)
    {
        if (link.HasOwnSeries)
        {
            Interlocked.Decrement(ref ownSeries);
            return;
        }

        var last = new LinkTotals();
        link.AddTo(last);
        gone.AddCounts(last);
    }

    /// <summary>
    /// An outage was noticed, so long after the last received byte; null: nothing was to be received. May be called
    /// under a lock.
    /// </summary>
    public void Noticed(OutageReason reason, TimeSpan? found)
    {
        Interlocked.Increment(ref outages[(int)reason]);
        if (found is { } took)
            Events.Post(Hub.Instruments.OutageDetection, took.TotalSeconds, TagsOf(reason));
    }

    /// <summary>The link is up again. May be called under a lock.</summary>
    public void Healed(OutageReason reason, TimeSpan took) =>
        Events.Post(Hub.Instruments.OutageDuration, took.TotalSeconds, TagsOf(reason));

    /// <summary>A connection is served, or refused for a reason. Under no lock.</summary>
    public void Opened(TimeSpan took, string? refusal)
    {
        if (!Hub.Instruments.OpeningDuration.Enabled)
            return;
        var role = new LinkTags("server", options.Name);
        Events.Post(Hub.Instruments.OpeningDuration, took.TotalSeconds, refusal is null ? role.With() : role.With(new Tag("error.type", refusal)));
        Events.Publish();
    }

    /// <summary>A write has ended. The listeners are called on this thread, which is the application's.</summary>
    public void Written(Delivery delivery, TimeSpan took, Exception? error)
    {
        var histogram = Hub.Instruments.WriteDuration;
        if (!histogram.Enabled)
            return;
        var delivered = new Tag("iotlink.delivery", Words.Deliveries.ElementAtOrDefault((int)delivery));
        new MeasuredEvents.Measured(
            histogram, took.TotalSeconds, error is null ? tags.With(delivered) : tags.With(delivered, new Tag("error.type", error.GetType().FullName))).Record();
    }

    /// <summary>Adds all of it to sums. Under the lock of the hub.</summary>
    /// <param name="links">The links that are there.</param>
    /// <param name="gone">The counts of links that are no longer there, or null.</param>
    /// <param name="sums">The sums.</param>
    public void AddTo(IReadOnlyCollection<Link> links, LinkTotals? gone, TelemetrySums sums)
    {
        var all = sums.Of(tags);
        if (gone is not null)
            all.AddCounts(gone);
        for (var i = 0; i < outages.Length; i++)
            all.Outages[i] += Interlocked.Read(ref outages[i]);
        foreach (var link in links)
            link.AddTo(link.HasOwnSeries ? sums.Of(tags with { Device = Printable.Of(link.Id) }) : all);
    }

    private Tag[] TagsOf(OutageReason reason) => tags.With(new Tag("iotlink.outage.reason", Words.OutageReasons[(int)reason]));
}
