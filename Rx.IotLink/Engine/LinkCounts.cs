namespace Rx.IotLink.Engine;

/// <summary>
/// The running counts behind <see cref="LinkCounters"/>: fields, since a line must not cost an allocation here. What
/// most links never count is apart: thousands of links at rest hold this.
/// </summary>
internal struct LinkCounts
{
    private Rare? rare;

    public long LinesWritten { get; set; }

    public long LinesAcknowledged { get; set; }

    public long BestEffortSent
    {
        readonly get => rare?.BestEffortSent ?? 0;
        set
        {
            if (value != 0 || rare is not null)
                Rarely.BestEffortSent = value;
        }
    }

    public long LinesRepeated
    {
        readonly get => rare?.LinesRepeated ?? 0;
        set
        {
            if (value != 0 || rare is not null)
                Rarely.LinesRepeated = value;
        }
    }

    public long LinesDropped
    {
        readonly get => rare?.LinesDropped ?? 0;
        set
        {
            if (value != 0 || rare is not null)
                Rarely.LinesDropped = value;
        }
    }

    public long LinesReceived { get; set; }

    public long BestEffortReceived
    {
        readonly get => rare?.BestEffortReceived ?? 0;
        set
        {
            if (value != 0 || rare is not null)
                Rarely.BestEffortReceived = value;
        }
    }

    public long BytesAcknowledged { get; set; }

    public long BestEffortBytesSent
    {
        readonly get => rare?.BestEffortBytesSent ?? 0;
        set
        {
            if (value != 0 || rare is not null)
                Rarely.BestEffortBytesSent = value;
        }
    }

    public long BytesReceived { get; set; }

    public long BestEffortBytesReceived
    {
        readonly get => rare?.BestEffortBytesReceived ?? 0;
        set
        {
            if (value != 0 || rare is not null)
                Rarely.BestEffortBytesReceived = value;
        }
    }

    public long DuplicatesReceived
    {
        readonly get => rare?.DuplicatesReceived ?? 0;
        set
        {
            if (value != 0 || rare is not null)
                Rarely.DuplicatesReceived = value;
        }
    }

    public long LinesWithheld
    {
        readonly get => rare?.LinesWithheld ?? 0;
        set
        {
            if (value != 0 || rare is not null)
                Rarely.LinesWithheld = value;
        }
    }

    public long Heartbeats { get; set; }

    public long Outages { get; set; }

    public long ProtocolErrors
    {
        readonly get => rare?.ProtocolErrors ?? 0;
        set
        {
            if (value != 0 || rare is not null)
                Rarely.ProtocolErrors = value;
        }
    }

    public long SlowObservers
    {
        readonly get => rare?.SlowObservers ?? 0;
        set
        {
            if (value != 0 || rare is not null)
                Rarely.SlowObservers = value;
        }
    }

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

    private Rare Rarely => rare ??= new();

    /// <summary>Made when the first of them is counted.</summary>
    private sealed class Rare
    {
        public long BestEffortSent;
        public long LinesRepeated;
        public long LinesDropped;
        public long BestEffortReceived;
        public long BestEffortBytesSent;
        public long BestEffortBytesReceived;
        public long DuplicatesReceived;
        public long LinesWithheld;
        public long ProtocolErrors;
        public long SlowObservers;
    }
}
