using System.Buffers;
using System.Globalization;

namespace Rx.IotLink.Protocol.Version2;

/// <summary>
/// Protocol 2: sessions that resume. The specification is docs/protocol.md; all states are in <see cref="Phases"/>.
/// </summary>
internal sealed partial class Version2Protocol : IProtocol
{
    private const long NoRecord = -1;

    private readonly Version2Settings settings;
    private readonly Outbox outbox;
    private readonly IProtocolHost host;
    private readonly Sender sender;
    private readonly Receiver receiver;
    private readonly ClientGreeting? greeting;
    private Phase phase = Phase.Disconnected;
    private IBufferWriter<byte>? output;
    private ulong epoch;
    private int peerMax = int.MaxValue;
    private ulong peerConnection;
    // The oldest line when this end first met the peer's current memory; 0: unknown.
    private ulong firstAtMeeting = 1;
    private EndedEpochs? endedEpochs;
    private bool isRestored;
    private bool epochEnds;
    private bool epochEnded;
    private bool isInLine;
    private long saved;

    // Client: the record that must be kept before the opening is sent, until it is sent.
    private long openingAfter = NoRecord;

    // The record that keeps this end's epoch; and, at a server, the opening that is answered when it is kept.
    private long begun;
    private ClientOpening? unanswered;

    /// <summary>A protocol that is not connected.</summary>
    /// <param name="settings">The settings, which other links may share.</param>
    /// <param name="outbox">The lines that wait.</param>
    /// <param name="host">The link.</param>
    /// <param name="memory">The kept memory that it continues; its lines are in the outbox. Null: a new one.</param>
    public Version2Protocol(Version2Settings settings, Outbox outbox, IProtocolHost host, SessionMemory? memory = null)
    {
        (this.settings, this.outbox, this.host) = (settings, outbox, host);
        sender = new(outbox, host, settings.IsKept);
        receiver = new(host, settings.IsKept, settings.Window);
        greeting = settings.Role == Role.Client ? new(settings) : null;
        Timeout = settings.Timeout;
        if (memory is not null)
            greeting?.Restore(memory);
        if (memory is { Epoch: { } kept })
        {
            epoch = kept;
            isRestored = true;
            sender.Restore(memory);
            receiver.Restore(memory);
        }
        else
        {
            NewEpoch();
        }
    }

    public bool OneSendPerLine => false;

    public bool KeepaliveAlways => false;

    public TimeSpan Timeout { get; private set; }

    // A returning client replaces its own old connection: no wait is needed.
    public TimeSpan QuietTime => TimeSpan.Zero;

    public bool WantsToSend => phase == Phase.Open && receiver.AcknowledgementDue;

    public TimeSpan? Deadline => phase == Phase.Open && !isInLine ? sender.RepeatAt : null;

    public int HeldBytes => 0;

    public int Waiting => receiver.Waiting;

    public IEnumerable<OutLine> Unfinished => sender.Ring.All;

    public int UnfinishedCount => sender.Ring.Count;

    /// <summary>
    /// Server: whether this opening is from the client that is connected now, on a newer connection. An older opening
    /// may come late, when its client has moved to the live connection long before.
    /// </summary>
    public bool IsSuccessor(ClientOpening opening) =>
        (phase == Phase.Open || unanswered is not null) && (unanswered?.Offer.Epoch ?? receiver.PeerEpoch) == opening.Offer.Epoch && opening.Connection > peerConnection;

    public void Connect(IBufferWriter<byte> output, TimeSpan now, PeerOpening? opening)
    {
        this.output = output;
        if (epochEnded)
            NewEpoch();
        if (greeting is not null)
        {
            Move(Step.Connect);
            openingAfter = Save(new(SessionRecordKind.Connect, Number: greeting.Connect()));
            SayOpening();
            return;
        }

        if (opening is not ClientOpening client)
            throw new ProtocolException("a client that speaks protocol 2 begins with its opening");
        (unanswered, peerConnection) = (client, client.Connection);
        Meet(client.Offer);
        Answer(now);
    }

    /// <summary>
    /// A server answers an opening once its epoch is kept. Otherwise it could come back after a crash with an epoch
    /// that the client knows from before, and give numbers of it a second time.
    /// </summary>
    private void Answer(TimeSpan now)
    {
        if (unanswered is not { Offer: var theirs } || begun > saved)
            return;
        unanswered = null;
        Move(Step.Admit);
        // A client that knows the epoch of a memory may take its place. So only a client that knows the epoch gets it.
        var mine = receiver.PeerEpoch == theirs.Epoch ? Offer() : Offer() with { Peer = null, Rx = 0, Seen = 0 };
        if (!IsCredible(theirs))
        {
            SayLine(Refusal.Line(RefusalCode.Malformed, retry: null, NeverSent(theirs)));
            EndConnection(new Outage(OutageReason.ProtocolError, NeverSent(theirs)));
        }
        else if (Resume(theirs, now))
        {
            // Its peer, rx and seen are from before this opening; its tx is the state after it.
            mine = mine with { Tx = sender.Ring.First };
            SayLine(Tokens.Format("ok", [.. mine.Write(), ("timeout", Milliseconds(settings.Timeout))]));
            Begin(theirs, now);
        }
        else
        {
            SayLine(Refusal.Line(RefusalCode.State, TimeSpan.Zero, "what you received was never sent: this end's memory was rolled back"));
            EndConnection(new Outage(OutageReason.Refused, "this end's memory was rolled back; a new one begins"));
        }
    }

    public SequencePosition Receive(in ReadOnlySequence<byte> bytes, TimeSpan now)
    {
        // The client speaks before it is answered: it is heard then.
        if (unanswered is not null)
            return bytes.Length <= Tokens.MaxBytes ? bytes.Start : throw new ProtocolException($"the client sent {bytes.Length} bytes before its opening was answered; the limit is {Tokens.MaxBytes}");
        using var lines = new LineReader(bytes);
        while (phase != Phase.Over && lines.TryRead(LongestLine, out var line))
            Take(line, now);
        // Until the peer has sent all of its line, it cannot send anything else.
        isInLine = !bytes.Slice(lines.Position).IsEmpty;
        Send(now);
        return phase == Phase.Over ? bytes.End : lines.Position;
    }

    public bool IsWithinLine(in ReadOnlySequence<byte> bytes) => isInLine && phase == Phase.Open && LineReader.IsPart(bytes, LongestLine);

    public void Disconnect(TimeSpan now)
    {
        Move(Step.Disconnect);
        output = null;
        isInLine = false;
        openingAfter = NoRecord;
        unanswered = null;
        Timeout = settings.Timeout;
        // The next connection may be from another peer.
        peerMax = int.MaxValue;
        // A memory that cannot continue ends with the connection that showed it; its lines are not sent yet.
        if (!epochEnds)
            return;
        epochEnds = false;
        outbox.PutBack(Surrender());
        NewEpoch();
    }

    public IReadOnlyList<OutLine> Surrender()
    {
        OutLine[] held = [.. sender.Ring.All];
        // If a memory may have been rolled back, a number may belong to another line.
        if (!isRestored)
            (endedEpochs ??= new()).Add(epoch, sender.Ring.First, held);
        sender.Forget();
        // Not before the next connection: until then a store holds the lines.
        epochEnded = true;
        return held;
    }

    public void Saved(long upTo, TimeSpan now)
    {
        saved = upTo;
        sender.Saved(upTo);
        receiver.Saved(upTo);
        SayOpening();
        Answer(now);
        Send(now);
    }

    public void Send(TimeSpan now)
    {
        if (phase != Phase.Open)
            return;
        receiver.Acknowledge(output!);
        sender.Send(output!);
    }

    public void Handed() => sender.Handed();

    public void Taken(TimeSpan now) => sender.Taken(now);

    public void SendAfter(long record) => sender.SendAfter(record);

    public void Accept(long through, TimeSpan now) => receiver.Accept(through);

    public void Keepalive()
    {
        if (phase != Phase.Open)
            return;
        receiver.Acknowledge(output!);
        // While lines wait, the keepalive reports the arrived lines, so that the peer does not repeat them. An empty
        // line means that no line waits.
        if (receiver.LinesWait)
            receiver.SayArrived(output!);
        else
            output!.Write("\n"u8);
    }

    /// <summary>
    /// The last acknowledged number once more, without a text: a repetition, which the peer drops and acknowledges at
    /// once.
    /// </summary>
    public bool Ping()
    {
        if (phase == Phase.Open)
            Sender.WriteMark(output!, '+', sender.Ring.First - 1);
        return true;
    }

    public void Bye(string text)
    {
        if (phase != Phase.Open)
            return;
        Send(default);
        SayLine(text.Length == 0 ? "!bye" : $"!bye {text}");
        Move(Step.End);
    }

    public string? Fault(int bytes) => bytes > peerMax ? $"must have at most {peerMax} bytes of UTF-8, the peer takes no longer ones; this one has {bytes}" : null;

    public void Elapse(TimeSpan now)
    {
        if (Deadline is not { } due || due > now)
            return;
        sender.SendAgain();
        Send(now);
    }

    // The mark of a line is not part of its limit; an opening and a farewell have limits of their own.
    private int LongestLine => phase == Phase.Open ? Math.Max(settings.MaxLineBytes + 5, Farewell.LeastBytes) : Tokens.MaxBytes;

    private void Take(ReadOnlySpan<byte> line, TimeSpan now)
    {
        if (phase is Phase.Greeting or Phase.Proving)
        {
            TakeAnswer(line, now);
            return;
        }

        if (line.IsEmpty)
        {
            sender.NothingWaits();
            sender.Clock.PeerRests(now);
            host.Heartbeat();
            return;
        }

        switch (line[0])
        {
            case (byte)'+':
                sender.Clock.PeerSends();
                receiver.Take(Low(line), Payload(line[5..]));
                break;
            case (byte)'#' when line.Length == 5:
                sender.Clock.PeerSends();
                receiver.TakeGivenUp(Low(line));
                break;
            case (byte)'-':
                sender.Clock.PeerSends();
                receiver.TakeBestEffort(Payload(line[1..]));
                break;
            case (byte)'=' when line.Length == 5:
                if (!sender.Acknowledge(sender.Whole(Low(line)), now))
                    throw new ProtocolException($"{Printable.Of(Text(line))} acknowledges a line that was never sent");
                host.Answered();
                break;
            case (byte)'~' when line.Length == 5:
                if (!sender.Arrived(sender.Whole(Low(line)), now))
                    throw new ProtocolException($"{Printable.Of(Text(line))} reports the arrival of a line that was never sent");
                sender.Clock.PeerRests(now);
                host.Heartbeat();
                break;
            case (byte)'!' when line.StartsWith("!bye"u8) && (line.Length == 4 || line[4] == ' '):
                TakeFarewell(Text(line.Length > 5 ? line[5..] : default));
                break;
            default:
                throw new ProtocolException($"a line of {line.Length} bytes that begins with 0x{line[0]:x2} means nothing");
        }
    }

    private void TakeFarewell(string text)
    {
        // A server cannot be displaced.
        var displaced = text == Farewell.Displaced && settings.Role == Role.Client;
        var said = text.Length == 0 ? "the peer left" : $"the peer left: {Printable.Of(text)}";
        // Nor does it sleep.
        var sleep = settings.Role == Role.Server ? Farewell.SleepOf(text) : null;
        EndConnection(new Outage(displaced ? OutageReason.Displaced : OutageReason.PeerLeft, said) { SleepsFor = sleep });
    }

    private void EndConnection(Outage outage)
    {
        Move(Step.End);
        host.EndConnection(outage);
    }

    private void Move(Step step) => phase = Phases.Next(phase, step)
        ?? throw new InvalidOperationException($"{step} cannot happen to a {settings.Role} that is {phase}.");

    /// <summary>
    /// Keeps a record and gives its place; without a store, a place that counts as kept already.
    /// </summary>
    private long Save(in SessionRecord record) => settings.IsKept ? host.Save(record) : 0;

    private void SayLine(string line)
    {
        Utf8.Write(output!, line);
        output!.Write("\n"u8);
    }

    private static ushort Low(ReadOnlySpan<byte> line)
    {
        var low = line.Length < 5 ? -1 : (Digit(line[1]) << 12) | (Digit(line[2]) << 8) | (Digit(line[3]) << 4) | Digit(line[4]);
        return low >= 0 ? (ushort)low : throw new ProtocolException($"a line that begins with 0x{line[0]:x2} has no number of four lower-case hex digits");
    }

    private static int Digit(byte c) => c switch
    {
        >= (byte)'0' and <= (byte)'9' => c - '0',
        >= (byte)'a' and <= (byte)'f' => c - 'a' + 10,
        _ => -1,
    };

    private ReadOnlySpan<byte> Payload(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > settings.MaxLineBytes)
            throw new LineTooLongException($"a line of {bytes.Length} bytes; the limit is {settings.MaxLineBytes}");
        return Utf8.IsValid(bytes) ? bytes : throw new ProtocolException("a line is not UTF-8");
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Utf8.Decode(bytes) ?? throw new ProtocolException("a line is not UTF-8");

    private static string Milliseconds(TimeSpan time) => ((long)time.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
}
