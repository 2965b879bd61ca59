using System.Buffers;
using System.Diagnostics;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Telemetry;

namespace Rx.IotLink.Engine;

/// <summary>
/// All decisions of one end of one link. <see cref="Step"/> takes an input and gives the effects. Every input in every
/// state gives effects, and never an exception.
/// </summary>
/// <remarks>
/// It takes no lock, and knows no task, thread, store, socket, clock or random source: it reads its arguments and its
/// own state, so the same inputs give the same effects. Its steps are serial. The shell (<see cref="Link"/>) performs
/// the effects.
/// </remarks>
internal sealed partial class LinkEngine
{
    /// <summary>
    /// Bytes that may wait to be sent beyond one line of the greatest length: acknowledgements and keepalives, while
    /// the peer does not read. A peer that lets them grow beyond this does not read at all.
    /// </summary>
    private const int MaxOutputBytes = 65_536;

    /// <summary>
    /// Lines are put into the output while it holds less than this; the rest wait until it has been sent.
    /// </summary>
    private const int OutputHighWater = 32_768;

    /// <summary>
    /// Bytes that may always be sent at a time, whatever the budget says: the link must make progress.
    /// </summary>
    private const int LeastOutput = 1_024;

    /// <summary>How long to wait before the next read of a store that could not be read.</summary>
    private static readonly TimeSpan BetweenLoads = TimeSpan.FromSeconds(1);

    /// <summary>How long a device that has just woken may take to connect.</summary>
    private static readonly TimeSpan Attempts = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Never = TimeSpan.MinValue;

    private readonly LinkOptions limits;
    private readonly CreateProtocol create;
    private readonly Outbox outbox = new();
    private IProtocol protocol;

    // The protocol of the other version, if both were spoken, since it remembers what it received. And the one that had
    // the lines last.
    private IProtocol? other;
    private IProtocol holder;

    // The connection, if there is one: its bytes to send, and whether a send is in progress.
    private OutputBuffer? output;
    private bool sending;

    /// <summary>Why the protocol wants to end the connection. The end of the step does it.</summary>
    private Outage? ending;

    // Lines that were delivered to the application, and those of them that it has handled. The number of a line is the
    // count of all lines that were delivered with it and before it.
    private Tally delivered;
    private Tally handled;

    private LinkCounts counts;
    private TimeSpan upAt;
    private TimeSpan upUntil;
    private TimeSpan upBefore;
    private TimeSpan toldHeldSince = Never;

    // While a device sleeps. An object, since links that are up hold little.
    private Sleep? sleep;

    // When the ping was sent whose answer has not come.
    private TimeSpan pingedAt = Never;
    private TimeSpan toldOpenSince = Never;
    private TimeSpan lastLineAt = Never;

    /// <summary>The place of the last record to keep.</summary>
    private long records;

    // For this step only.
    private Effects? collecting;
    private TimeSpan now;
    private long mayHold;
    private bool isBounded;
    private bool tookLines;

    // Why records cannot be kept, and why lines cannot be read.
    private Outage? saveFault;
    private Outage? loadFault;

    /// <summary>An engine without a connection.</summary>
    /// <param name="limits">The options of this end, of which only the limits matter here.</param>
    /// <param name="version">The version of the protocol that is spoken first.</param>
    /// <param name="create">Makes a protocol of a version.</param>
    /// <param name="session">
    /// What a store keeps of an earlier process, where written lines are kept. Lines beyond those in it are read later.
    /// Null: there is no store.
    /// </param>
    /// <param name="effects">The records to keep from the beginning.</param>
    /// <param name="origin">The time of day at which the clock was zero, where lines are kept.</param>
    public LinkEngine(
        LinkOptions limits, int version, CreateProtocol create, KeptSession? session, Effects effects, DateTimeOffset origin = default)
    {
        (this.limits, this.create, kept) = (limits, create, session is null ? null : new());
        Version = Wanted = session?.FirstVersion(version) ?? version;
        collecting = effects;
        if (session is not null)
            outbox.Limits.Origin = origin;
        session?.PutInto(outbox);
        holder = protocol = create(Version, outbox, this, session?.Memory);
        var (held, last) = (0, 0UL);
        foreach (var line in holder.Unfinished.Concat(outbox.All))
            (held, last) = (held + 1, Math.Max(last, line.Ticket));
        Unfinished = (int)(session?.Memory.Waiting ?? 0);
        if (kept is not null)
            (kept.Count, kept.LoadedThrough, kept.Bytes) = (Unfinished - held, (long)last, session!.Memory.WaitingBytes);
        FindKeys(session?.Keys);
        collecting = null;
    }

    /// <summary>The current version of the protocol.</summary>
    public int Version { get; private set; }

    /// <summary>The version for the next connection, if no other is asked for.</summary>
    public int Wanted { get; private set; }

    public LinkStatus Status { get; private set; } = LinkStatus.Connecting;

    /// <summary>How often the link came up.</summary>
    public int Connections { get; private set; }

    /// <summary>Whether it has ended for good.</summary>
    public bool IsFinal => Status is LinkStatus.Refused or LinkStatus.Closed;

    /// <summary>How long the link was up the last time.</summary>
    public TimeSpan LastUp { get; private set; }

    /// <summary>When the bytes that completed the last line arrived.</summary>
    public TimeSpan? LastLineAt => lastLineAt == Never ? null : lastLineAt;

    /// <summary>Written lines that are not complete.</summary>
    public int Unfinished { get; private set; }

    /// <summary>How many lines of the peer are handled, ever.</summary>
    public long Handled => handled.All;

    /// <summary>Why the store does not work, from its first failure until it works again.</summary>
    public Outage? StoreFault => saveFault ?? loadFault;

    /// <summary>Whether the store fails, so that a connection would be useless.</summary>
    public bool StoreFails { get; private set; }

    /// <summary>Whether the peer needs each line in a send of its own.</summary>
    public bool OneSendPerLine => protocol.OneSendPerLine;

    /// <summary>Whether keepalives are due at a fixed rate, or only when nothing else was sent.</summary>
    public bool KeepaliveAlways => protocol.KeepaliveAlways;

    /// <summary>Silence after which an outage is declared, once lines flow.</summary>
    public TimeSpan Timeout => protocol.Timeout;

    /// <summary>
    /// How long a client must be silent after its last connection, for the other end to notice it too.
    /// </summary>
    public TimeSpan QuietTime => protocol.QuietTime;

    /// <summary>Bytes that the protocol holds of lines that are not delivered yet.</summary>
    public int HeldBytes => protocol.HeldBytes;

    /// <summary>Whether a sent line still waits for the peer's acknowledgement.</summary>
    public bool AwaitsAcknowledgement => output is not null && protocol.Unfinished.Any();

    // How many more bytes may be held, and how many are held of those that a step can change.
    private long Room => isBounded ? mayHold - Holds : Moment.AnyRoom;

    private long Holds => Collected.Delivered.Capacity + (output?.Capacity ?? 0) + protocol.HeldBytes;

    private bool IsUp => Status == LinkStatus.Up;

    /// <summary>
    /// The fault of a line of this length, as the rest of a sentence; null if there is none.
    /// </summary>
    // By the rules of the last peer; a peer that was never up excludes nothing.
    public string? Fault(int bytes) => holder.Fault(bytes);

    /// <summary>
    /// Whether this opening is from the client that is connected now, on a newer connection.
    /// </summary>
    public bool IsSuccessor(PeerOpening? opening) =>
        output is not null && opening is ClientOpening again && protocol is Version2Protocol two && two.IsSuccessor(again);

    /// <summary>The counts of now.</summary>
    public LinkCounters CountersAt(in Moment at)
    {
        // What was handled after the end was not accepted.
        var handledNow = IsFinal ? handled : HandledAt(at);
        return counts.Snapshot(
            Unfinished, inbox: IsFinal ? 0 : (int)(delivered.All - handledNow.All), received: handledNow.All,
            outbox.HasLimits ? (outbox.Limits.Expired, outbox.Limits.Replaced) : default);
    }

    /// <summary>How long it was up in all, and for how long it has been down; null: it was never up.</summary>
    public (TimeSpan Up, TimeSpan? Down) PresenceAt(TimeSpan time) =>
        IsUp ? (upBefore + (time - upAt), TimeSpan.Zero) : (upBefore, Connections > 0 ? time - upUntil : null);

    /// <summary>Adds this link, and its counts, to sums.</summary>
    public void AddTo(LinkTotals totals)
    {
        totals.AddLink(Status, Unfinished, IsFinal ? 0 : (int)(delivered.All - handled.All));
        totals.AddCounts(counts, outbox.HasLimits ? (outbox.Limits.Expired, outbox.Limits.Replaced) : default);
    }

    /// <summary>
    /// Whether these bytes are no more than a further part of an unfinished line, so that they need no step. Any other
    /// input brings what happened meanwhile.
    /// </summary>
    public bool IsWithinLine(in ReadOnlySequence<byte> bytes) => output is not null && protocol.IsWithinLine(bytes);

    /// <summary>Takes an input, and adds its effects.</summary>
    public void Step(in Input input, Effects effects)
    {
        collecting = effects;
        // A thread that has read the clock a moment ago may come after another one (Loan).
        now = input.At.Now > now ? input.At.Now : now;
        // Most links share no budget; then nothing need be counted.
        isBounded = input.At.Room != Moment.AnyRoom;
        mayHold = isBounded ? input.At.Room + Holds : 0;
        try
        {
            // First of all: an observer that blocks must not delay acceptances before it.
            AcceptHandled(input.At);
            GiveUpExpired();
            Take(input);
        }
        catch (ProtocolException exception)
        {
            ending = new(OutageReason.ProtocolError, exception.Message);
        }

        TellExpired(expiredInPlace);
        expiredInPlace = 0;
        if (ending is null)
            CollectOutput(input.Kind == InputKind.OutputTaken, input.MaySendLater && (input.MoreFollow || SeveralMayFollow(input.Line!)));
        if (ending is not null)
            EndAsWanted();
        LoadIfRoom();
        Collected.WakeAt = IsFinal ? null : Earlier(Earlier(Earlier(protocol.Deadline, HeldTooLongAt(input.At)), kept?.LoadAt), Earlier(ExpiresAt, sleep?.OverAt));
        CheckCounts();
        collecting = null;
    }

    private Effects Collected => collecting!;

    private void Take(in Input input)
    {
        switch (input.Kind)
        {
            case InputKind.Connected:
                Connect(input.Output!, input.Opening, input.Opening?.Version ?? input.Version, input.TimeOfDay);
                break;
            case InputKind.Bytes when output is not null:
                Receive(input);
                break;
            case InputKind.Ended when output is not null:
                EndConnection(input.Outage!);
                break;
            case InputKind.OutputTaken when output is not null:
                protocol.Taken(now);
                break;
            case InputKind.KeepaliveDue when output is not null:
                protocol.Keepalive();
                break;
            case InputKind.Dismissed when output is not null:
                protocol.Bye(input.Word!);
                EndConnection(input.Outage!);
                break;
            case InputKind.Pinged:
                Ping();
                break;
            case InputKind.Wrote:
                Write(input.Line!, input.TimeOfDay);
                break;
            case InputKind.TookBack:
                TakeBack(input.Line!);
                break;
            case InputKind.Saved:
                Saved(input.UpTo);
                break;
            case InputKind.SaveFailed:
                SaveFailed(input);
                break;
            case InputKind.Loaded when !IsFinal:
                Loaded(input.Lines!, input.TimeOfDay);
                break;
            case InputKind.LoadFailed:
                LoadFailed(input);
                break;
            case InputKind.SaveWaits:
                SaveWaits(input.Outage!);
                break;
            case InputKind.Time when !IsFinal:
                protocol.Elapse(now);
                TellOfHeldLine(input.At);
                if (now >= sleep?.OverAt)
                    Oversleep(new(OutageReason.Overslept, $"it slept for {sleep.For.TotalSeconds:0} s, and has not come back"));
                break;
            case InputKind.Woken:
                Oversleep(input.Outage!);
                break;
            case InputKind.Slept when kept is not null:
                SleepsOn(input.Outage, input.TimeOfDay);
                break;
            case InputKind.Closed:
                End(LinkStatus.Closed, input.Outage!);
                break;
            case InputKind.Refused:
                End(LinkStatus.Refused, input.Outage!);
                break;
        }
    }

    private void Receive(in Input input)
    {
        tookLines = false;
        try
        {
            Collected.Consumed = protocol.Receive(input.Received, now);
        }
        finally
        {
            // Once for all lines of these bytes.
            if (tookLines)
                lastLineAt = now;
        }
    }

    private void AcceptHandled(in Moment at)
    {
        var newest = IsFinal ? handled : HandledAt(at);
        if (newest == handled)
            return;
        handled = newest;
        (counts.LinesReceived, counts.BestEffortReceived) = (handled.All, handled.BestEffort);
        // Each has the lines that it has delivered, of all that were.
        protocol.Accept(handled.All, now);
        other?.Accept(handled.All, now);
    }

    /// <summary>The handled lines by now: never fewer than before, nor more than were delivered.</summary>
    private Tally HandledAt(in Moment at) => new(
        Math.Clamp(at.HandledExactlyOnce, handled.ExactlyOnce, delivered.ExactlyOnce),
        Math.Clamp(at.HandledBestEffort, handled.BestEffort, delivered.BestEffort));

    /// <summary>Collects bytes to send, unless a send in progress will take them.</summary>
    /// <param name="goesOn">Whether the send in progress asks.</param>
    /// <param name="later">Whether more writes are likely to follow at once.</param>
    private void CollectOutput(bool goesOn, bool later)
    {
        if (output is null)
            return;
        if (sending && !goesOn)
        {
            // Unless the peer does not read.
            if (output.Length > MaxOutputBytes + limits.MaxLineBytes)
                RequestEnd(new(OutageReason.PeerNotReading, $"{output.Length} bytes wait to be sent, the limit is {MaxOutputBytes + limits.MaxLineBytes}"));
            return;
        }

        if (!goesOn && !protocol.WantsToSend && output.Length == 0)
            return;
        if (later)
        {
            (sending, Collected.Send) = (true, SendEffect.Later);
            return;
        }

        // Lines that waited while the output was full, and acknowledgements that gathered.
        protocol.Send(now);
        sending = output.Length > 0;
        if (!sending)
        {
            output.Release();
            return;
        }

        protocol.Handed();
        (Collected.Send, Collected.Bytes) = (SendEffect.Now, output.Take());
    }

    /// <summary>One ping at a time: a further one waits for the same answer.</summary>
    private void Ping()
    {
        if (output is null || !IsUp)
            Collected.Rejection = Rejection.NotUp;
        else if (pingedAt == Never && !protocol.Ping())
            Collected.Rejection = Rejection.NoPing;
        else if (pingedAt == Never)
            pingedAt = now;
    }

    private long Save(in SessionRecord record)
    {
        Collected.Add(record);
        return ++records;
    }

    private void Notify(LinkNoticeKind kind, string detail, Exception? error = null) => (Collected.Notices ??= []).Add(new(kind, detail, error));

    /// <summary>When observers will have taken too long for their current line, if that is not reported yet.</summary>
    private TimeSpan? HeldTooLongAt(in Moment at) => Earlier(
        at.HeldSince is { } held && held != toldHeldSince ? held + limits.SlowObserverAfter : null,
        at.OpenSince is { } open && open != toldOpenSince ? open + limits.SlowObserverAfter : null);

    /// <summary>
    /// Reports a line that observers hold for too long, once: nothing else reports it while the link is up.
    /// </summary>
    private void TellOfHeldLine(in Moment at)
    {
        if (IsTooLong(at.HeldSince, ref toldHeldSince, out var held))
            Notify(LinkNoticeKind.ObserverSlow, $"an observer of the lines has not returned from OnNext for {held.TotalSeconds:0.###} s; no further line is handed out or acknowledged before it does, and if it waits for this link it may wait for ever");
        if (IsTooLong(at.OpenSince, ref toldOpenSince, out var open))
            Notify(LinkNoticeKind.ObserverSlow, $"a line that {nameof(ILink.Received)} gave was not accepted for {open.TotalSeconds:0.###} s; no line behind it is acknowledged before it is, and it takes room in the inbox");
    }

    private bool IsTooLong(TimeSpan? since, ref TimeSpan told, out TimeSpan held)
    {
        held = now - since ?? TimeSpan.Zero;
        if (since is not { } at || at == told || held < limits.SlowObserverAfter)
            return false;
        told = at;
        counts.SlowObservers++;
        return true;
    }

    private static TimeSpan? Earlier(TimeSpan? a, TimeSpan? b) => a < b || b is null ? a : b;

    /// <summary>What two parts of the engine count must agree after each step.</summary>
    [Conditional("DEBUG")]
    private void CheckCounts()
    {
        Debug.Assert(output is not null || !sending, "only on a connection is something sent");
        Debug.Assert(IsUp ? output is not null : !IsFinal || output is null, "lines flow on a connection, and a link that has ended has none");
        Debug.Assert(handled.ExactlyOnce <= delivered.ExactlyOnce && handled.BestEffort <= delivered.BestEffort, "what is handled was delivered");
        if (IsFinal)
        {
            Debug.Assert(Unfinished == 0, "a link that has ended has completed all writes");
            return;
        }

        Debug.Assert(InStoreAlone >= 0 && Unfinished == outbox.Count + holder.UnfinishedCount + InStoreAlone, "a line that is not done with has one place: in the outbox, in the protocol that has the lines, or in the store alone");
        Debug.Assert(holder == protocol || protocol.UnfinishedCount == 0, "one protocol has the lines");
        Debug.Assert(protocol.Waiting + (other?.Waiting ?? 0) == delivered.All - handled.All, "what was delivered and not handled is what the protocols have not accepted");
        Debug.Assert(delivered.ExactlyOnce - handled.ExactlyOnce <= limits.InboxLines, "the inbox has a bound");
    }

    /// <summary>How many lines of each kind.</summary>
    private readonly record struct Tally(long ExactlyOnce, long BestEffort)
    {
        public long All => ExactlyOnce + BestEffort;

        public long Of(Delivery delivery) => delivery == Delivery.BestEffort ? BestEffort : ExactlyOnce;

        public Tally Plus(Delivery delivery) => delivery == Delivery.BestEffort ? this with { BestEffort = BestEffort + 1 } : this with { ExactlyOnce = ExactlyOnce + 1 };
    }
}
