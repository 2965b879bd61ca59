using Rx.IotLink.Protocol;

namespace Rx.IotLink.Engine;

/// <summary>
/// The effects of an input, as a value. The shell performs each effect once, after it has left its lock. Rare effects
/// come in lists; a line costs no allocation.
/// </summary>
/// <remarks>
/// It is copied at each step, and each reference in it costs there. So the rare effects are in an object of their own,
/// which is made at the first of them.
/// </remarks>
internal struct Effects
{
    private LineBuffer delivered;
    private RareEffects? rare;
    private long wakeAt;
    private bool wakes;

    /// <summary>No effects yet.</summary>
    /// <param name="delivered">The buffer for lines for the application. It belongs to the shell.</param>
    public Effects(LineBuffer delivered) => this.delivered = delivered;

    /// <summary>The lines for the application, in their order.</summary>
    public readonly LineBuffer Delivered => delivered;

    /// <summary>
    /// Begins anew, in place: a new value would be copied here, and a copy of references to where the heap may be costs
    /// more than the step around it.
    /// </summary>
    public void Begin(LineBuffer with)
    {
        this = default;
        delivered = with;
    }

    /// <summary>
    /// The first of the lines that are complete; the others follow it (<see cref="OutLine.DoneNext"/>).
    /// </summary>
    public OutLine? FirstDone;

    /// <summary>The last of them.</summary>
    public OutLine? LastDone;

    /// <summary>What is to be sent now; valid until the next <see cref="InputKind.OutputTaken"/>.</summary>
    public ReadOnlyMemory<byte> Bytes;

    /// <summary>
    /// Bytes: the position up to which they were consumed. Null: the peer broke the protocol, or there is no
    /// connection.
    /// </summary>
    public SequencePosition? Consumed;

    /// <summary>The room that a line needs that found no room; zero if every line found room.</summary>
    public int RoomWanted;

    /// <summary>Whether, and when, something is to be sent.</summary>
    public SendEffect Send;

    /// <summary>Why the input was not taken.</summary>
    public Rejection Rejection;

    /// <summary>TookBack: whether the line was sent, or may have been. Null: it was complete already.</summary>
    public bool? WasSent;

    /// <summary>Lines flow from now on. With <see cref="Ended"/>: the link was up only within this step.</summary>
    public bool Opened;

    /// <summary>One or more keepalives were received.</summary>
    public bool Heartbeat;

    /// <summary>The link has ended for good: only writers can cause further effects.</summary>
    public bool IsLast;

    /// <summary>
    /// When the engine next needs <see cref="InputKind.Time"/>. Any other step may change this, or remove it.
    /// </summary>
    public TimeSpan? WakeAt
    {
        readonly get => wakes ? new TimeSpan(wakeAt) : null;
        set => (wakes, wakeAt) = (value.HasValue, value.GetValueOrDefault().Ticks);
    }

    /// <summary>Whether there are rare effects: those that follow.</summary>
    public readonly bool HasRare => rare is not null;

    /// <summary>
    /// The connection must end, once all bytes that it got are sent. The engine writes nothing more for it.
    /// </summary>
    public EndOfConnection? Ended
    {
        readonly get => rare?.Ended;
        set => (rare ??= new()).Ended = value;
    }

    /// <summary>The records to keep, in this order. Null: none.</summary>
    public List<SessionRecord>? Records
    {
        readonly get => rare?.Records;
        set => (rare ??= new()).Records = value;
    }

    /// <summary>Lines that are kept now, and whose writes were waiting only for that. Null: none.</summary>
    public List<OutLine>? Stored
    {
        readonly get => rare?.Stored;
        set => (rare ??= new()).Stored = value;
    }

    /// <summary>The lines to read from the store.</summary>
    public Load? Load
    {
        readonly get => rare?.Load;
        set => (rare ??= new()).Load = value;
    }

    /// <summary>The changes of state, in this order. Null: none.</summary>
    public List<StateChange>? States
    {
        readonly get => rare?.States;
        set => (rare ??= new()).States = value;
    }

    /// <summary>Notices for the application. Null: none.</summary>
    public List<LinkNotice>? Notices
    {
        readonly get => rare?.Notices;
        set => (rare ??= new()).Notices = value;
    }

    /// <summary>The answer to a ping came after this time.</summary>
    public TimeSpan? RoundTrip
    {
        readonly get => rare?.RoundTrip;
        set => (rare ??= new()).RoundTrip = value;
    }

    private sealed class RareEffects
    {
        public TimeSpan? RoundTrip;
        public EndOfConnection? Ended;
        public List<SessionRecord>? Records;
        public List<OutLine>? Stored;
        public Load? Load;
        public List<StateChange>? States;
        public List<LinkNotice>? Notices;
    }
}

/// <summary>When bytes are to be sent.</summary>
internal enum SendEffect : byte
{
    /// <summary>There is nothing to send, or a send in progress will take it.</summary>
    None,

    /// <summary>At once: <see cref="Effects.Bytes"/>.</summary>
    Now,

    /// <summary>
    /// In a moment, together with bytes that gather until then. The sender asks with
    /// <see cref="InputKind.OutputTaken"/>.
    /// </summary>
    Later,
}

/// <summary>Why an input was not taken.</summary>
internal enum Rejection : byte
{
    /// <summary>It was taken.</summary>
    None,

    /// <summary>The link has ended for good.</summary>
    LinkEnded,

    /// <summary>A line found no room: <see cref="LinkOptions.OutboxLines"/>.</summary>
    OutboxLines,

    /// <summary>Too many writes wait: <see cref="LinkOptions.MaxWaitingWrites"/> beyond the outbox.</summary>
    OutboxFull,

    /// <summary>The store holds <see cref="LinkOptions.StoredLines"/>.</summary>
    StoredLines,

    /// <summary>The store holds <see cref="LinkOptions.StoredBytes"/>.</summary>
    StoredBytes,

    /// <summary>A line should be kept, but there is no store, or it is best effort.</summary>
    NoStore,

    /// <summary>There is a connection already.</summary>
    Busy,

    /// <summary>The link is not up.</summary>
    NotUp,

    /// <summary>The protocol has no ping.</summary>
    NoPing,
}

/// <summary>Lines to read from the store.</summary>
/// <param name="After">Lines with greater positions than this one.</param>
/// <param name="Count">The most of them.</param>
internal readonly record struct Load(long After, int Count);

/// <summary>The end of a connection.</summary>
/// <param name="Outage">Why it ends.</param>
/// <param name="SendIsUnderWay">
/// Whether a send is in progress, which then sends the last bytes; if not, the shell must send what is left.
/// </param>
internal sealed record EndOfConnection(Outage Outage, bool SendIsUnderWay);

/// <summary>A new state. The shell adds the time of day.</summary>
/// <param name="Status">The status.</param>
/// <param name="Outage">Why it is not up.</param>
/// <param name="Connections">How often the link came up.</param>
/// <param name="Healed">It came up again: how long it was down.</param>
/// <param name="Since">When it began, if that is kept; null: now.</param>
internal readonly record struct StateChange(LinkStatus Status, Outage? Outage, int Connections, TimeSpan? Healed = null, DateTimeOffset? Since = null);
