using Rx.IotLink.Protocol;

namespace Rx.IotLink.Engine;

/// <summary>
/// What follows from an input, as a value: the shell performs it, each effect once, after it has left its lock. What is
/// rare comes in lists; a line costs no allocation.
/// </summary>
/// <param name="delivered">Where lines for the application are put. It belongs to the shell.</param>
internal struct Effects(LineBuffer delivered)
{
    /// <summary>Lines for the application are put here, in their order.</summary>
    public readonly LineBuffer Delivered => delivered;

    /// <summary>The room that a line needs which found none. Zero: none needed more than there was.</summary>
    public int RoomWanted;

    /// <summary>Whether, and when, something is to be sent.</summary>
    public SendEffect Send;

    /// <summary>What is to be sent now; valid until the next <see cref="InputKind.OutputTaken"/>.</summary>
    public ReadOnlyMemory<byte> Bytes;

    /// <summary>Lines flow from now on. With <see cref="Ended"/>: they did, for no time.</summary>
    public bool Opened;

    /// <summary>A keepalive was heard, or several.</summary>
    public bool Heartbeat;

    /// <summary>
    /// The connection is to be ended, once all that it was given is sent. Nothing is sent for it any more.
    /// </summary>
    public EndOfConnection? Ended;

    /// <summary>The link has ended for good: the last effects but for what writers still do.</summary>
    public bool IsLast;

    /// <summary>
    /// The first of the lines that are done with; the others follow it (<see cref="OutLine.DoneNext"/>).
    /// </summary>
    public OutLine? FirstDone;

    /// <summary>The last of them.</summary>
    public OutLine? LastDone;

    /// <summary>What is to be kept, in this order. Null: nothing.</summary>
    public List<SessionRecord>? Records;

    /// <summary>Lines that are kept now, whose writers wanted no more than that. Null: none.</summary>
    public List<OutLine>? Stored;

    /// <summary>What is to be read from the store.</summary>
    public Load? Load;

    /// <summary>How the state changed, in this order. Null: it did not.</summary>
    public List<StateChange>? States;

    /// <summary>What the application should know. Null: nothing.</summary>
    public List<LinkNotice>? Notices;

    /// <summary>
    /// When the engine wants to be told the time next. It may want that later, or not at all, at any other step.
    /// </summary>
    public TimeSpan? WakeAt;

    /// <summary>Why the input was not taken.</summary>
    public Rejection Rejection;

    /// <summary>TookBack: whether the line was sent, or may have been. Null: it was done with already.</summary>
    public bool? WasSent;

    /// <summary>
    /// Bytes: up to where they were taken. Null: the peer broke the protocol, or there is no connection.
    /// </summary>
    public SequencePosition? Consumed;
}

/// <summary>When bytes are to be sent.</summary>
internal enum SendEffect
{
    /// <summary>There is nothing to send, or who sends already takes it along.</summary>
    None,

    /// <summary>At once: <see cref="Effects.Bytes"/>.</summary>
    Now,

    /// <summary>
    /// In a moment: what gathers until then goes along. Whoever sends asks with <see cref="InputKind.OutputTaken"/>.
    /// </summary>
    Later,
}

/// <summary>Why an input was not taken.</summary>
internal enum Rejection
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

    /// <summary>A line is to be kept, and there is no store, or it is best effort.</summary>
    NoStore,

    /// <summary>There is a connection already.</summary>
    Busy,
}

/// <summary>Lines that are to be read from the store.</summary>
/// <param name="After">Those of greater positions than this one.</param>
/// <param name="Count">The most of them.</param>
internal readonly record struct Load(long After, int Count);

/// <summary>The end of a connection.</summary>
/// <param name="Outage">Why it ends.</param>
/// <param name="SendIsUnderWay">
/// Whether somebody sends on it, who then has the last word; if not, what is left is still to be sent.
/// </param>
internal sealed record EndOfConnection(Outage Outage, bool SendIsUnderWay);

/// <summary>A new state. The shell adds the time of day.</summary>
internal readonly record struct StateChange(LinkStatus Status, Outage? Outage, int Connections);
