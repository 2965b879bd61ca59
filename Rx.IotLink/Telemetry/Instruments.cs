using System.Diagnostics.Metrics;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace Rx.IotLink.Telemetry;

/// <summary>All instruments of a meter. docs/telemetry.md has a table of them, which a test compares.</summary>
internal sealed class Instruments
{
    private static readonly InstrumentAdvice<double> Short = new()
    {
        HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    };

    private static readonly InstrumentAdvice<double> Long = new()
    {
        HistogramBucketBoundaries = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400],
    };

    private readonly Meter meter;
    private readonly TelemetryHub hub;
    private int made;

    public Instruments(Meter meter, TelemetryHub hub)
    {
        (this.meter, this.hub) = (meter, hub);
        OutageDetection = meter.CreateHistogram("iotlink.outage.detection.duration", "s", "Time from the last received byte until this end noticed the outage.", advice: Long);
        OutageDuration = meter.CreateHistogram("iotlink.outage.duration", "s", "Time from the moment when this end noticed an outage until the link was up again.", advice: Long);
        WriteDuration = meter.CreateHistogram("iotlink.write.duration", "s", "Time from a write until the peer accepted the line, or a connection took a best-effort line.", advice: Short);
        OpeningDuration = meter.CreateHistogram("iotlink.server.opening.duration", "s", "Time from a connection until it was served or refused.", advice: Short);
        CommitDuration = meter.CreateHistogram("iotlink.journal.commit.duration", "s", "Time in which a session store wrote one batch.", advice: Short);
        CommitRecords = meter.CreateHistogram<long>(
            "iotlink.journal.commit.records", "{record}", "Records in a batch for a session store.",
            advice: new InstrumentAdvice<long> { HistogramBucketBoundaries = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000] });
        AddLinks();
        AddLines();
        AddServers();
    }

    public Histogram<double> OutageDetection { get; }

    public Histogram<double> OutageDuration { get; }

    public Histogram<double> WriteDuration { get; }

    public Histogram<double> OpeningDuration { get; }

    public Histogram<double> CommitDuration { get; }

    public Histogram<long> CommitRecords { get; }

    private void AddLinks()
    {
        Gauge("iotlink.link.count", "{link}", "Links, by their state.", Links(static (tags, totals) =>
            totals.Links.Select((count, at) => new Measurement<long>(count, tags.With(new Tag("iotlink.link.state", Words.LinkStates[at]))))));
        Count("iotlink.link.outages", "{outage}", "Outages, by their reason.", Links(static (tags, totals) =>
            tags.Device is not null ? [] : totals.Outages.Select((count, at) => new Measurement<long>(count, tags.With(new Tag("iotlink.outage.reason", Words.OutageReasons[at]))))));
        CountLinks("iotlink.link.keepalives", "{keepalive}", "Keepalives received.", static t => t.Counts.Heartbeats);
        CountLinks("iotlink.link.protocol_errors", "{connection}", "Connections that ended since the peer broke the protocol.", static t => t.Counts.ProtocolErrors);
        CountLinks("iotlink.observer.slow", "{line}", "Lines for which an observer took longer than SlowObserverAfter.", static t => t.Counts.SlowObservers);
        Gauge("iotlink.inbox.lines", "{line}", "Received lines that wait for an observer or reader.", Links(static (tags, t) => [new(t.Inbox, tags.With())]));
        Gauge("iotlink.outbox.lines", "{line}", "Written lines that are not sent, or not accepted, yet.", Links(static (tags, t) => [new(t.Outbox, tags.With())]));
    }

    private void AddLines()
    {
        Count("iotlink.lines", "{line}", "Lines that the peer accepted or a connection took (transmit), or that the application accepted (receive).", Links(static (tags, t) => ByDirection(
            tags, t.Counts.LinesAcknowledged, t.Counts.BestEffortSent, t.Counts.LinesReceived - t.Counts.BestEffortReceived, t.Counts.BestEffortReceived)));
        Count("iotlink.line.io", "By", "UTF-8 bytes of these lines; received ones count when they enter the inbox.", Links(static (tags, t) => ByDirection(
            tags, t.Counts.BytesAcknowledged, t.Counts.BestEffortBytesSent, t.Counts.BytesReceived, t.Counts.BestEffortBytesReceived)));
        CountLinks("iotlink.line.writes", "{line}", "Exactly-once lines that a link has taken to send.", static t => t.Counts.LinesWritten);
        CountLinks("iotlink.line.repeats", "{line}", "How often a line was sent again.", static t => t.Counts.LinesRepeated);
        CountLinks("iotlink.line.duplicates", "{line}", "Lines that came again and were not delivered.", static t => t.Counts.DuplicatesReceived);
        CountLinks("iotlink.line.withheld", "{line}", "Lines that found the inbox full.", static t => t.Counts.LinesWithheld);
        Count("iotlink.line.drops", "{line}", "Written lines that were dropped, by the reason.", Links(static (tags, t) =>
        [
            new(t.Counts.LinesDropped, tags.With(new Tag("iotlink.drop.reason", "outbox_full"))),
            new(t.LinesExpired, tags.With(new Tag("iotlink.drop.reason", "expired"))),
            new(t.LinesReplaced, tags.With(new Tag("iotlink.drop.reason", "replaced"))),
        ]));
    }

    private void AddServers()
    {
        Gauge("iotlink.server.connection.count", "{connection}", "Connections, by their state: opening or served.", Servers(static (tags, t, _) =>
        [
            new(t.Opening, tags.With(new Tag("iotlink.connection.state", "opening"))),
            new(t.Served, tags.With(new Tag("iotlink.connection.state", "served"))),
        ]));
        CountServers("iotlink.server.connections", "{connection}", "Connections that the socket accepted, also those that were refused.", static t => t.Accepted);
        Count("iotlink.server.refusals", "{connection}", "Connections that were refused, by the reason.", Servers(static (tags, t, names) =>
            t.Refused.Select((count, at) => new Measurement<long>(count, tags.With(new Tag("iotlink.refusal.reason", names[at]))))));
        CountServers("iotlink.server.silent_connections", "{connection}", "Connections that ended without a byte.", static t => t.Silent);
        CountServers("iotlink.server.callback_failures", "{failure}", "How often code of the application threw.", static t => t.CallbackFailures);
        CountServers("iotlink.server.slowdowns", "{link}", "How often a link was slowed, since it held its share of MaxBufferedBytes.", static t => t.LinksSlowed);
        CountServers("iotlink.server.forgotten_ids", "{device}", "Unknown devices that were forgotten to make room for others.", static t => t.UnknownIdsForgotten);
        Gauge("iotlink.server.buffer.usage", "By", "Bytes that the links hold in their inboxes and outputs.", Servers(static (tags, t, _) => [new(t.BufferedBytes, tags.With())]));
    }

    private static Measurement<long>[] ByDirection(LinkTags tags, long sent, long bestEffortSent, long received, long bestEffortReceived) =>
    [
        new(sent, tags.With(new("network.io.direction", "transmit"), new("iotlink.delivery", Words.Deliveries[0]))),
        new(bestEffortSent, tags.With(new("network.io.direction", "transmit"), new("iotlink.delivery", Words.Deliveries[1]))),
        new(received, tags.With(new("network.io.direction", "receive"), new("iotlink.delivery", Words.Deliveries[0]))),
        new(bestEffortReceived, tags.With(new("network.io.direction", "receive"), new("iotlink.delivery", Words.Deliveries[1]))),
    ];

    private static Func<TelemetrySums, IEnumerable<Measurement<long>>> Links(Func<LinkTags, LinkTotals, IEnumerable<Measurement<long>>> rows) =>
        sums => sums.Links.SelectMany(row => rows(row.Key, row.Value));

    private static Func<TelemetrySums, IEnumerable<Measurement<long>>> Servers(
        Func<LinkTags, ConnectionTotals, IReadOnlyList<string>, IEnumerable<Measurement<long>>> rows) =>
        sums => sums.Servers.SelectMany(row => rows(new("server", row.Key), row.Value, sums.Refusals));

    private void CountLinks(string name, string unit, string description, Func<LinkTotals, long> value) =>
        Count(name, unit, description, Links((tags, totals) => [new(value(totals), tags.With())]));

    private void CountServers(string name, string unit, string description, Func<ConnectionTotals, long> value) =>
        Count(name, unit, description, Servers((tags, totals, _) => [new(value(totals), tags.With())]));

    private void Count(string name, string unit, string description, Func<TelemetrySums, IEnumerable<Measurement<long>>> rows)
    {
        var instrument = made++;
        meter.CreateObservableCounter(name, () => rows(hub.SumsFor(instrument)), unit, description);
    }

    private void Gauge(string name, string unit, string description, Func<TelemetrySums, IEnumerable<Measurement<long>>> rows)
    {
        var instrument = made++;
        meter.CreateObservableUpDownCounter(name, () => rows(hub.SumsFor(instrument)), unit, description);
    }
}
