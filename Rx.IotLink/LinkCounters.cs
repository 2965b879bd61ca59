namespace Rx.IotLink;

/// <summary>
/// Counts since a link was made. Lines are messages of the application; keepalives and acknowledgements are not
/// counted.
/// </summary>
public sealed record LinkCounters
{
    /// <summary>Exactly-once lines that were taken for writing.</summary>
    public long LinesWritten { get; init; }

    /// <summary>Exactly-once lines of ours that the peer accepted.</summary>
    public long LinesAcknowledged { get; init; }

    /// <summary>Best-effort lines that were handed to a connection.</summary>
    public long BestEffortSent { get; init; }

    /// <summary>Times a line was sent again.</summary>
    public long LinesRepeated { get; init; }

    /// <summary>
    /// Lines of the <see cref="ILink.Writer"/> that <see cref="LinkOptions.WriterOverflow"/> dropped.
    /// </summary>
    public long LinesDropped { get; init; }

    /// <summary>Lines of the peer that were handed to the application.</summary>
    public long LinesReceived { get; init; }

    /// <summary>Lines that came again and were not handed on.</summary>
    public long DuplicatesReceived { get; init; }

    /// <summary>Lines that found the inbox full; they were not acknowledged, and the peer repeats them.</summary>
    public long LinesWithheld { get; init; }

    /// <summary>Keepalives heard.</summary>
    public long Heartbeats { get; init; }

    /// <summary>Outages: ends of connections that had been up.</summary>
    public long Outages { get; init; }

    /// <summary>Connections ended because the peer broke its protocol.</summary>
    public long ProtocolErrors { get; init; }

    /// <summary>Lines that an observer held for longer than <see cref="LinkOptions.SlowObserverAfter"/>.</summary>
    public long SlowObservers { get; init; }

    /// <summary>Lines written that wait: not sent, or not accepted yet.</summary>
    public int Outbox { get; init; }

    /// <summary>Lines received that wait for an observer or reader.</summary>
    public int Inbox { get; init; }
}
