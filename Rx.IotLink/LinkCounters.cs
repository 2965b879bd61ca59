namespace Rx.IotLink;

/// <summary>
/// Counts since a link was created. Lines are messages of the application; keepalives and acknowledgements are not
/// counted.
/// </summary>
public sealed record LinkCounters
{
    /// <summary>Exactly-once lines that the link has taken to send.</summary>
    public long LinesWritten { get; init; }

    /// <summary>Exactly-once lines of ours that the peer accepted.</summary>
    public long LinesAcknowledged { get; init; }

    /// <summary>Best-effort lines that a connection has taken.</summary>
    public long BestEffortSent { get; init; }

    /// <summary>How often a line was sent again.</summary>
    public long LinesRepeated { get; init; }

    /// <summary>
    /// Lines of the <see cref="ILink.Writer"/> that <see cref="LinkOptions.WriterOverflow"/> dropped.
    /// </summary>
    public long LinesDropped { get; init; }

    /// <summary>
    /// Lines that were dropped because they had waited for too long to be sent (<see cref="WriteOptions.TimeToLive"/>,
    /// <see cref="LinkOptions.StoredFor"/>).
    /// </summary>
    public long LinesExpired { get; init; }

    /// <summary>
    /// Lines that a newer one of their <see cref="WriteOptions.Key"/> replaced before they were sent.
    /// </summary>
    public long LinesReplaced { get; init; }

    /// <summary>Lines of the peer that were delivered to the application.</summary>
    public long LinesReceived { get; init; }

    /// <summary>Lines that came again and were not delivered.</summary>
    public long DuplicatesReceived { get; init; }

    /// <summary>Lines that found the inbox full; they were not acknowledged, and the peer repeats them.</summary>
    public long LinesWithheld { get; init; }

    /// <summary>Keepalives received.</summary>
    public long Heartbeats { get; init; }

    /// <summary>Outages: connections that ended after they had been up.</summary>
    public long Outages { get; init; }

    /// <summary>Connections that ended because the peer broke the protocol.</summary>
    public long ProtocolErrors { get; init; }

    /// <summary>Lines for which an observer took longer than <see cref="LinkOptions.SlowObserverAfter"/>.</summary>
    public long SlowObservers { get; init; }

    /// <summary>Written lines that are not sent, or not accepted, yet.</summary>
    public int Outbox { get; init; }

    /// <summary>Received lines that wait for an observer or reader.</summary>
    public int Inbox { get; init; }
}
