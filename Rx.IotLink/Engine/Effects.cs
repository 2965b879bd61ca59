using Rx.IotLink.Protocol;

namespace Rx.IotLink.Engine;

/// <summary>
/// The effects of an input, as values. The shell performs each effect once, after it has left its lock. Rare effects
/// come in lists; a line costs no allocation.
/// </summary>
/// <remarks>
/// The engine writes them where the shell reads them: a copy at each step costs more than the step around it. A thread
/// uses its object again, so nothing of it may be kept.
/// </remarks>
/// <param name="delivered">The buffer for lines for the application. It belongs to the shell.</param>
internal sealed class Effects(LineBuffer delivered)
{
    /// <summary>So many records are room for most steps. A list that is longer is not kept.</summary>
    private const int MostKept = 16;

    /// <summary>
    /// So many are spare on a thread, at most. What a step brings about can be a further step: of a send, for example.
    /// </summary>
    private const int MostSpare = 8;

    [ThreadStatic]
    private static Effects? spare;

    // Of the spare ones: the next of them, and how many follow.
    private Effects? next;
    private int following;

    private List<SessionRecord>? records;
    private long wakeAt;
    private bool wakes;

    /// <summary>The lines for the application, in their order.</summary>
    public LineBuffer Delivered { get; private set; } = delivered;

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
    /// The connection must end, once all bytes that it got are sent. The engine writes nothing more for it.
    /// </summary>
    public EndOfConnection? Ended;

    /// <summary>Lines that are kept now, and whose writes were waiting only for that. Null: none.</summary>
    public List<OutLine>? Stored;

    /// <summary>The lines to read from the store.</summary>
    public Load? Load;

    /// <summary>The changes of state, in this order. Null: none.</summary>
    public List<StateChange>? States;

    /// <summary>Notices for the application. Null: none.</summary>
    public List<LinkNotice>? Notices;

    /// <summary>The answer to a ping came after this time.</summary>
    public TimeSpan? RoundTrip;

    /// <summary>The records to keep, in this order. Null: none.</summary>
    public List<SessionRecord>? Records => records is { Count: > 0 } ? records : null;

    /// <summary>
    /// When the engine next needs <see cref="InputKind.Time"/>. Any other step may change this, or remove it.
    /// </summary>
    public TimeSpan? WakeAt
    {
        get => wakes ? new TimeSpan(wakeAt) : null;
        set => (wakes, wakeAt) = (value.HasValue, value.GetValueOrDefault().Ticks);
    }

    /// <summary>No effects yet, in an object that <see cref="Release"/> gives back.</summary>
    public static Effects Rent(LineBuffer delivered)
    {
        if (spare is not { } rented)
            return new(delivered);
        (spare, rented.next) = (rented.next, null);
        rented.Delivered = delivered;
        return rented;
    }

    /// <summary>A further record to keep.</summary>
    public void Add(in SessionRecord record) => (records ??= []).Add(record);

    /// <summary>All is performed. Nothing of it may be used any more.</summary>
    public void Release()
    {
        Delivered = null!;
        FirstDone = LastDone = null;
        Bytes = default;
        Consumed = null;
        RoomWanted = 0;
        Send = SendEffect.None;
        Rejection = Rejection.None;
        WasSent = null;
        Opened = Heartbeat = IsLast = wakes = false;
        Ended = null;
        Stored = null;
        Load = null;
        States = null;
        Notices = null;
        RoundTrip = null;
        if (records is { Capacity: > MostKept })
            records = null;
        else
            records?.Clear();
        following = spare is { } before ? before.following + 1 : 0;
        if (following < MostSpare)
            (next, spare) = (spare, this);
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
