namespace Rx.IotLink.Engine;

/// <summary>
/// The running counts behind <see cref="LinkCounters"/>: fields, since a line must not cost an allocation here. What
/// most links never count is apart: thousands of links at rest hold this.
/// </summary>
internal struct LinkCounts
{
    // Made when the first of them is counted.
    private long[]? rare;

    public long LinesWritten { get; set; }

    public long LinesAcknowledged { get; set; }

    public long BestEffortSent { readonly get => Get(Rare.BestEffortSent); set => Set(Rare.BestEffortSent, value); }

    public long LinesRepeated { readonly get => Get(Rare.LinesRepeated); set => Set(Rare.LinesRepeated, value); }

    public long LinesDropped { readonly get => Get(Rare.LinesDropped); set => Set(Rare.LinesDropped, value); }

    public long LinesReceived { get; set; }

    public long BestEffortReceived { readonly get => Get(Rare.BestEffortReceived); set => Set(Rare.BestEffortReceived, value); }

    public long BytesAcknowledged { get; set; }

    public long BestEffortBytesSent { readonly get => Get(Rare.BestEffortBytesSent); set => Set(Rare.BestEffortBytesSent, value); }

    public long BytesReceived { get; set; }

    public long BestEffortBytesReceived { readonly get => Get(Rare.BestEffortBytesReceived); set => Set(Rare.BestEffortBytesReceived, value); }

    public long DuplicatesReceived { readonly get => Get(Rare.DuplicatesReceived); set => Set(Rare.DuplicatesReceived, value); }

    public long LinesWithheld { readonly get => Get(Rare.LinesWithheld); set => Set(Rare.LinesWithheld, value); }

    public long Heartbeats { get; set; }

    public long Outages { get; set; }

    public long ProtocolErrors { readonly get => Get(Rare.ProtocolErrors); set => Set(Rare.ProtocolErrors, value); }

    public long SlowObservers { readonly get => Get(Rare.SlowObservers); set => Set(Rare.SlowObservers, value); }

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

    private readonly long Get(Rare count) => rare?[(int)count] ?? 0;

    private void Set(Rare count, long value)
    {
        if (value != 0 || rare is not null)
            (rare ??= new long[(int)Rare.Counts])[(int)count] = value;
    }

    /// <summary>What most links never count; the last one is their number.</summary>
    private enum Rare
    {
        BestEffortSent,
        LinesRepeated,
        LinesDropped,
        BestEffortReceived,
        BestEffortBytesSent,
        BestEffortBytesReceived,
        DuplicatesReceived,
        LinesWithheld,
        ProtocolErrors,
        SlowObservers,
        Counts,
    }
}
