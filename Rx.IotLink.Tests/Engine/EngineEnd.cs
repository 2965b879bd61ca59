using System.Buffers;
using System.Globalization;
using System.Text;
using Rx.IotLink.Engine;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Server;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Protocol.Driving;
using static Rx.IotLink.Tests.Protocol.Garbage.Cases;

namespace Rx.IotLink.Tests.Engine;

/// <summary>
/// Plays the shell to one engine, without a socket, a clock or a thread: gives it inputs, performs its effects, and
/// checks after each step what must hold whatever happens.
/// </summary>
internal sealed partial class EngineEnd
{
    public const string Id = "pump-1";

    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    /// <summary>The time of day at which the clock was zero, if nobody sets it.</summary>
    private static readonly DateTimeOffset Origin = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly World world;
    private readonly LinkEngine engine;
    private readonly LineBuffer arrived = new();
    private readonly List<SessionRecord> records = [];
    private readonly SavedWatch saved;
    private readonly HashSet<OutLine> told = [];
    private readonly HashSet<OutLine> toldStored = [];
    private readonly SessionClaim claim;
    private readonly HashSet<string> saidTexts = [];
    private readonly int atFirst;

    // As the store will be when all that is to be kept is kept.
    private readonly MemorySessionStore ahead = new();
    private readonly SessionClaim claimAhead;
    private OutputBuffer? output;
    private byte[] unread = [];
    private long handledExactlyOnce;
    private long handledBestEffort;
    private int accounted;
    private bool pings;
    private bool sending;
    private bool isOver;

    /// <summary>An end that begins.</summary>
    /// <param name="world">What end it is.</param>
    /// <param name="store">What an earlier process has kept. Null: there was none.</param>
    /// <param name="limits">The options. Null: narrow ones.</param>
    /// <param name="seed">Where its random bytes come from.</param>
    /// <param name="lie">What the store says of itself instead of the truth. Null: the truth.</param>
    public EngineEnd(World world, MemorySessionStore? store = null, LinkOptions? limits = null, int seed = 1, Func<KeptSession, KeptSession>? lie = null)
    {
        (this.world, Limits, Store) = (world, limits ?? Narrow, store ?? new());
        var random = new Random(seed);
        var earlier = Store.SnapshotOf(Id);
        (claim, var memory) = Store.Claim(Id);
        // As many lines are read at the beginning as an earlier process may have sent.
        var (lines, others) = ((earlier?.Lines ?? []).Take(SessionOffer.MaxWindow), (earlier?.Lines ?? []).Skip(SessionOffer.MaxWindow));
        KeptSession kept = new(memory, [.. lines], [.. others.Where(line => line.Key is not null).Select(line => new StoredKey(line.Key!, line.Position, Encoding.UTF8.GetByteCount(line.Text)))]);
        kept = lie?.Invoke(kept) ?? kept;
        atFirst = world.IsKept ? (int)kept.Memory.Waiting : 0;
        ahead.Restore(Id, earlier);
        claimAhead = ahead.Claim(Id).Claim;
        var protocols = new ProtocolFactory(Limits, world.Side.Role(), Id)
        {
            Random = random.NextBytes,
            IsKept = world.IsKept,
            Key = world.HasKey ? World.Key : (ReadOnlyMemory<byte>?)null,
            MayFallBack = !world.HasKey,
        };
        saved = new(world.IsKept);
        Effects effects = new(arrived);
        engine = new(Limits, world.Version, protocols.Create, world.IsKept ? kept : null, effects, Origin);
        Keep(effects);
    }

    /// <summary>So narrow that a few lines reach each bound.</summary>
    private static LinkOptions Narrow { get; } = new IotLinkServerOptions
    {
        Timeout = Timeout, InboxLines = 3, OutboxLines = 3, MaxWaitingWrites = 2, MaxLineBytes = 100, WriterOverflow = OverflowPolicy.DropOldest,
        StoredLines = 7, StoredBytes = 100, StoredFor = TimeSpan.FromMinutes(30),
    };

    /// <summary>What the store has kept.</summary>
    public MemorySessionStore Store { get; }

    /// <summary>How many lines are in the store alone.</summary>
    public int InStoreAlone => isOver ? 0 : engine.Unfinished - Inside.OutboxOf(engine).Count - Inside.HolderOf(engine).UnfinishedCount;

    /// <summary>Whether lines were given up whose writers learn it later, when the store knows it.</summary>
    public bool HasGivenUp => Written.Exists(line => line.Outcome is { } outcome && (outcome == Outcome.Replaced || outcome.Expiry is not null) && !told.Contains(line));

    /// <summary>What the store is to read, until the engine has the result. Null: nothing.</summary>
    public Load? Load { get; private set; }

    /// <summary>What the store has read, while the engine does not have it yet. Null: nothing.</summary>
    public IReadOnlyList<StoredLine>? Read { get; private set; }

    public LinkOptions Limits { get; }

    public LinkEngine Engine => engine;

    /// <summary>
    /// Whether it is checked where lines are. It takes long, and what was checked before need not be again.
    /// </summary>
    public bool IsChecked { get; set; } = true;

    public TimeSpan Now { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>By how much somebody has set the time of day. The clock of the link does not know it.</summary>
    public TimeSpan ClockSetBy { get; set; }

    public DateTimeOffset TimeOfDay => Origin + Now + ClockSetBy;

    public bool IsConnected => output is not null;

    /// <summary>Whether somebody sends on the connection: it was given bytes, or will ask for them.</summary>
    public bool IsSending => sending;

    /// <summary>When the engine wants an input with the time.</summary>
    public TimeSpan? WakeAt { get; private set; }

    /// <summary>Every line that was written and taken, oldest first.</summary>
    public List<TestLine> Written { get; } = [];

    /// <summary>Every line that was delivered, oldest first, whether it was handled or not.</summary>
    public List<(string Text, Delivery Delivery)> Delivered { get; } = [];

    /// <summary>How many of them the application has handled.</summary>
    public int Handled => (int)(handledExactlyOnce + handledBestEffort);

    /// <summary>What was said on this connection and not collected.</summary>
    public List<byte> Said { get; } = [];

    /// <summary>The last line that was said of those that open a connection.</summary>
    public string LastOpening { get; private set; } = "";

    /// <summary>The number of the last line of protocol 2 that was said, in hexadecimal digits.</summary>
    public string LastNumber { get; private set; } = "0000";

    /// <summary>What is to be kept; the first of them has the place 1.</summary>
    public IReadOnlyList<SessionRecord> Records => records;

    /// <summary>The place of the last record that is kept.</summary>
    public int Kept => (int)saved.UpTo;

    /// <summary>Lines whose writers learn what became of them, in that order.</summary>
    public Action<OutLine>? Told { get; init; }

    /// <summary>Lines whose writers learn that they are kept.</summary>
    public Action<OutLine>? Stored { get; set; }

    public List<LinkNoticeKind> Notices { get; } = [];

    /// <summary>Their sentences.</summary>
    public List<string> NoticeDetails { get; } = [];

    public int Outages { get; private set; }

    public Moment Moment => new(Now, handledExactlyOnce, handledBestEffort);

    public void Connect(PeerOpening? opening)
    {
        var made = new OutputBuffer();
        var free = output is null && !isOver;
        if (free)
        {
            (output, unread, sending) = (made, [], false);
            Said.Clear();
        }

        var effects = Step(Input.Connected(Moment, made, opening));
        Require(free == (effects.Rejection == Rejection.None), () => $"a connection was answered with {effects.Rejection}");
    }

    public void Receive(ReadOnlySpan<byte> piece)
    {
        unread = [.. unread, .. piece];
        var bytes = new ReadOnlySequence<byte>(unread);
        var effects = Step(Input.Bytes(Moment, bytes));
        unread = output is not null && effects.Consumed is { } consumed ? bytes.Slice(consumed).ToArray() : [];
    }

    public void Receive(string text) => Receive(Encoding.UTF8.GetBytes(text));

    /// <summary>Whether it was taken.</summary>
    public bool Write(TestLine line, bool maySendLater = false)
    {
        Written.Add(line);
        return Step(Input.Wrote(Moment, line, maySendLater, timeOfDay: TimeOfDay)).Rejection == Rejection.None;
    }

    /// <summary>Gives whether it is the writer's again, and is not sent.</summary>
    public bool TakeBack(OutLine line)
    {
        var wasDone = line.Outcome is not null;
        var wasSent = Step(Input.TookBack(Moment, line)).WasSent;
        // It may be too old at this very moment.
        wasDone |= line.Outcome?.Expiry is not null;
        Require(wasSent is null == wasDone, () => $"'{line.Text}', done {wasDone}, was taken back: {wasSent}");
        return line.Outcome == Outcome.TakenBack;
    }

    public void Handle(int lines)
    {
        for (; lines > 0 && Handled < Delivered.Count; lines--)
        {
            if (Delivered[Handled].Delivery == Delivery.BestEffort)
                handledBestEffort++;
            else
                handledExactlyOnce++;
        }

        Step(Input.Handled(Moment));
    }

    /// <summary>The store keeps what is to be kept, up to a place.</summary>
    public void Save(int upTo)
    {
        for (; saved.UpTo < Math.Min(upTo, records.Count); saved.UpTo++)
            Store.Keep([new(claim, records[(int)saved.UpTo])]);
        Step(Input.Saved(Moment, upTo));
    }

    /// <summary>The store fails with what it was given.</summary>
    public void FailSave() => Step(Input.SaveFailed(Moment, new Outage(OutageReason.StoreFailed, "the disk is full"), new IOException("full")));

    /// <summary>The store reads what it is to read. The engine gets it later.</summary>
    public void ReadStored()
    {
        if (Load is { } load)
            Read = [.. (Store.SnapshotOf(Id)?.Lines ?? []).Where(line => line.Position > load.After).Take(load.Count)];
    }

    /// <summary>The engine gets what the store has read, now or before.</summary>
    public void TellRead()
    {
        if (Read is null)
            ReadStored();
        TellRead(Read ?? []);
    }

    /// <summary>The store says that it has read these lines.</summary>
    public void TellRead(IReadOnlyList<StoredLine> lines)
    {
        (Load, Read) = (null, null);
        Step(Input.Loaded(Moment, lines, TimeOfDay));
    }

    /// <summary>The store could not be read.</summary>
    public void FailRead()
    {
        (Load, Read) = (null, null);
        Step(Input.LoadFailed(Moment, new Outage(OutageReason.StoreFailed, "the disk does not answer"), new IOException("no answer")));
    }

    public void End(OutageReason reason) => Step(Input.Ended(Moment, new Outage(reason, "it ended")));

    public void TakeOutput() => Step(Input.OutputTaken(Moment));

    /// <summary>Gives an input, and performs and checks what follows.</summary>
    public Effects Step(in Input input)
    {
        var (kind, before, wasOver, wasConnected) = (input.Kind, engine.Status, isOver, output is not null);
        var isWithinLine = input.Kind == InputKind.Bytes && engine.IsWithinLine(input.Received);
        Effects effects = new(arrived);
        engine.Step(input, effects);
        Require(!isWithinLine || (effects.Consumed is { } consumed && consumed.Equals(input.Received.Start) && effects is { Opened: false, Heartbeat: false, RoundTrip: null }), () => "a part of a line has effects of its own");
        if (input.Kind == InputKind.Wrote && effects.Rejection != Rejection.None)
            Written.Remove((TestLine)input.Line!);
        Keep(effects);
        if (effects.Load is { } load)
        {
            Require(Load is null && world.IsKept, () => "lines are to be read while others are, or of no store");
            Load = load;
        }

        pings |= input.Kind == InputKind.Pinged && effects.Rejection == Rejection.None;
        Send(input.Kind, effects);
        Tell(effects);
        Deliver(input.Kind, wasConnected);
        CheckStates(before, effects);
        Notices.AddRange((effects.Notices ?? []).Select(n => n.Kind));
        NoticeDetails.AddRange((effects.Notices ?? []).Select(n => n.Detail));
        if (effects.Ended is { } ended)
            End(ended);
        Require(!wasOver || effects is { Send: SendEffect.None, Ended: null, IsLast: false, Opened: false, States: null }, () => $"{kind} has effects after the end");
        isOver |= effects.IsLast;
        WakeAt = effects.WakeAt;
        if (!IsChecked)
            return effects;
        CheckPlaces();
        CheckCounts();
        CheckEnds(kind);
        return effects;
    }

    private void Keep(Effects effects)
    {
        Require(effects.Records is null || world.IsKept, () => "something is to be kept, and there is no store");
        foreach (var record in effects.Records ?? [])
        {
            records.Add(record);
            ahead.Keep([new(claimAhead, record)]);
            saved.Add(record, isOfLine: Handled > accounted);
        }

        accounted = Handled;
    }

    private void Send(InputKind cause, Effects effects)
    {
        if (cause == InputKind.OutputTaken)
            sending = false;
        if (effects.Send == SendEffect.None)
            return;
        Require(output is not null && !sending, () => "something is to be sent, and somebody sends already, or on no connection");
        sending = true;
        if (effects.Send == SendEffect.Now)
            Say(effects.Bytes.Span);
    }

    private void Say(ReadOnlySpan<byte> bytes)
    {
        Said.AddRange(bytes);
        foreach (var line in Encoding.UTF8.GetString(bytes).Split('\n')[..^1])
        {
            if (line.StartsWith(Tokens.Format(""), StringComparison.Ordinal))
            {
                LastOpening = line;
                CheckEpoch(line);
            }

            if (line.StartsWith('+') && engine.Version == 2)
            {
                LastNumber = line[1..5];
                CheckNumber(line);
            }

            if (TextOf(line) is { } text)
                saidTexts.Add(text);
            saved.CheckSaid(line);
        }
    }

    /// <summary>A process that begins with an earlier epoch would give its numbers a second time.</summary>
    private void CheckEpoch(string opening)
    {
        if (world.IsKept && opening.Contains(" epoch=", StringComparison.Ordinal))
            Require(opening.Contains($" epoch={Store.SnapshotOf(Id)?.Memory.Epoch:x16} ", StringComparison.Ordinal), () => $"'{opening}' is said, and its epoch is not kept");
    }

    /// <summary>
    /// An earlier process's number alone distinguishes a line from its repetition: if this process ended
    /// now, the next one would give the line the same.
    /// </summary>
    private void CheckNumber(string said)
    {
        if (!world.IsKept || !IsChecked)
            return;
        // A ping has the number of a line that is accepted, and no text: the peer takes it for a copy.
        if (pings && said.Length == 5)
        {
            pings = false;
            return;
        }

        var snapshot = Store.SnapshotOf(Id);
        Require(snapshot?.Memory.Epoch == Inside.EpochOf(engine), () => $"'{said}' is said, and its epoch is not kept");
        var number = ushort.Parse(said.AsSpan(1, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        var at = (short)(number - (ushort)snapshot!.Memory.First);
        // Below zero: the peer has accepted it meanwhile.
        Require(at < 0 || (at < snapshot.Lines.Count && snapshot.Lines[at].Text == said[5..]), () => $"'{said}' is said, and what is kept has another line of this number");
    }

    private void End(EndOfConnection ended)
    {
        Require(output is not null, () => "a connection is to be ended, and there is none");
        Require(ended.SendIsUnderWay == sending, () => $"the engine thinks that somebody sends: {ended.SendIsUnderWay}");
        // Whoever has the last word says what is left.
        Say(output!.Take().Span);
        output.Release();
        (output, sending, unread, pings) = (null, false, [], false);
        Outages++;
    }

    private void Tell(Effects effects)
    {
        for (var line = effects.FirstDone; line is not null;)
        {
            var done = line;
            Require(told.Add(done), () => $"the write of '{done.Text}' completes twice");
            Require(done.Outcome is not null && done.Outcome != Outcome.TakenBack && done.Outcome != Outcome.Dropped, () => $"the write of '{done.Text}' completes, and it is not done");
            if (done.Outcome == Outcome.Replaced || done.Outcome!.Expiry is not null)
                CheckGivenUp(done);
            Told?.Invoke(done);
            (line, done.DoneNext) = (done.DoneNext, null);
        }

        foreach (var stored in effects.Stored ?? [])
        {
            Require(stored.IsDoneWhenStored && toldStored.Add(stored), () => $"'{stored.Text}' is reported twice as kept, or its writer did not ask");
            Require(0 < stored.Record && stored.Record <= saved.UpTo, () => $"'{stored.Text}' is reported as kept, and it is not");
            Stored?.Invoke(stored);
        }
    }

    /// <summary>
    /// A line is given up only before it was sent, and only for its reason. Its writer learns it when no crash can
    /// bring it back. One that is given up where its number is has no writer.
    /// </summary>
    private void CheckGivenUp(OutLine line)
    {
        Require(!line.IsAwaited || line.Text.Length == 0 || !saidTexts.Contains(line.Text), () => $"'{line.Text}' was sent, and is given up");
        Require(line.IsGivenUp || !world.IsKept || line.Delivery != Delivery.ExactlyOnce || (0 < line.Record && line.Record <= saved.UpTo), () => $"'{line.Text}' is given up, and the store does not know it");
        if (line.Outcome!.Expiry is { } expiry)
            Require(line.Expires <= Now && expiry.Waited >= expiry.Most, () => $"'{line.Text}' has waited for {expiry.Waited} of {expiry.Most}, and is given up");
        else if (line is TestLine older)
            Require(Written.Skip(Written.IndexOf(older) + 1).Any(newer => newer.Key == line.Key && newer.Delivery == line.Delivery), () => $"nothing newer took the place of '{line.Text}'");
    }

    /// <summary>The text of a line of the application, without its number; null: it is no such line.</summary>
    private string? TextOf(string said) => engine.Version switch
    {
        1 => said.Length > 2 ? said[2..] : null,
        _ => said switch { ['+', ..] when said.Length >= 5 => said[5..], ['-', ..] => said[1..], _ => null },
    };

    private void Deliver(InputKind cause, bool wasConnected)
    {
        Require(arrived.IsEmpty || (wasConnected && cause is InputKind.Bytes or InputKind.Time), () => $"{cause} delivers lines");
        for (; !arrived.IsEmpty; arrived.RemoveFirst())
            Delivered.Add((Encoding.UTF8.GetString(arrived.First.Span), arrived.FirstDelivery));
        Require(isOver || Delivered.Count - Handled <= 2 * Limits.InboxLines, () => $"{Delivered.Count - Handled} lines wait for the application");
    }
}
