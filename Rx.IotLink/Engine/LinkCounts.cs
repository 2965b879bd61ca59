namespace Rx.IotLink.Engine;

/// <summary>
/// The running counts behind <see cref="LinkCounters"/>: fields, since a line must not cost an allocation here.
/// </summary>
internal struct LinkCounts
{
    public long LinesWritten { get; set; }

    public long LinesAcknowledged { get; set; }

    public long BestEffortSent { get; set; }

    public long LinesRepeated { get; set; }

    public long LinesDropped { get; set; }

    public long LinesReceived { get; set; }

    public long BestEffortReceived { get; set; }

    public long BytesAcknowledged { get; set; }

    public long BestEffortBytesSent { get; set; }

    public long BytesReceived { get; set; }

    public long BestEffortBytesReceived { get; set; }

    public long DuplicatesReceived { get; set; }

    public long LinesWithheld { get; set; }

    public long Heartbeats { get; set; }

    public long Outages { get; set; }

    public long ProtocolErrors { get; set; }

    public long SlowObservers { get; set; }

    public readonly LinkCounters Snapshot(int outbox, int inbox, long received, (long Expired, long Replaced) givenUp) => new()
    {
        LinesWritten = LinesWritten,
        LinesAcknowledged = LinesAcknowledged,
        BestEffortSent = BestEffortSent,
        LinesRepeated = LinesRepeated,
        LinesDropped = LinesDropped,
        LinesExpired = givenUp.Expired,
        LinesReplaced = givenUp.Replaced,
        LinesReceived = received,
        DuplicatesReceived = DuplicatesReceived,
        LinesWithheld = LinesWithheld,
        Heartbeats = Heartbeats,
        Outages = Outages,
        ProtocolErrors = ProtocolErrors,
        SlowObservers = SlowObservers,
        Outbox = outbox,
        Inbox = inbox,
    };

    /// <summary>Adds the counts of another link.</summary>
    public void Add(LinkCounts of)
    {
        LinesWritten += of.LinesWritten;
        LinesAcknowledged += of.LinesAcknowledged;
        BestEffortSent += of.BestEffortSent;
        LinesRepeated += of.LinesRepeated;
        LinesDropped += of.LinesDropped;
        LinesReceived += of.LinesReceived;
        BestEffortReceived += of.BestEffortReceived;
        BytesAcknowledged += of.BytesAcknowledged;
        BestEffortBytesSent += of.BestEffortBytesSent;
        BytesReceived += of.BytesReceived;
        BestEffortBytesReceived += of.BestEffortBytesReceived;
        DuplicatesReceived += of.DuplicatesReceived;
        LinesWithheld += of.LinesWithheld;
        Heartbeats += of.Heartbeats;
        Outages += of.Outages;
        ProtocolErrors += of.ProtocolErrors;
        SlowObservers += of.SlowObservers;
    }
}
