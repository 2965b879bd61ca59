using System.Buffers;
using System.Globalization;

namespace Rx.IotLink.Protocol.Version2;

/// <summary>
/// Protocol 2: sessions that resume. The specification is docs/protocol.md; all states are in <see cref="Phases"/>.
/// </summary>
internal sealed class Version2Protocol : IProtocol
{
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
    private long? openingAfter;

    public Version2Protocol(Version2Settings settings, Outbox outbox, IProtocolHost host)
    {
        (this.settings, this.outbox, this.host) = (settings, outbox, host);
        sender = new(outbox, host, settings.IsKept);
        receiver = new(host, settings.IsKept);
        greeting = settings.Role == Role.Client ? new(settings) : null;
        Timeout = settings.Timeout;
        if (settings.Memory is { } memory)
            greeting?.Restore(memory);
        if (settings.Memory is { Epoch: { } kept })
        {
            epoch = kept;
            isRestored = true;
            sender.Restore(settings.Memory);
            receiver.Restore(settings.Memory);
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
        phase == Phase.Open && receiver.PeerEpoch == opening.Offer.Epoch && opening.Connection > peerConnection;

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
        Move(Step.Admit);
        var theirs = client.Offer;
        peerConnection = client.Connection;
        Meet(theirs);
        if (theirs.Peer != epoch && sender.FirstStale(seen: 0) is not null)
        {
            // A peer that comes back to this epoch may have had what is given up: its number is never given again.
            outbox.PutBack(Surrender());
            NewEpoch();
        }

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
        using var lines = new LineReader(bytes);
        while (phase != Phase.Over && lines.TryRead(LongestLine, out var line))
            Take(line, now);
        // Until the peer has sent all of its line, it cannot send anything else.
        isInLine = !bytes.Slice(lines.Position).IsEmpty;
        Send(now);
        return phase == Phase.Over ? bytes.End : lines.Position;
    }

    public void Disconnect(TimeSpan now)
    {
        Move(Step.Disconnect);
        output = null;
        isInLine = false;
        openingAfter = null;
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

    private SessionOffer Offer()
    {
        receiver.Offered();
        return new(epoch, sender.Ring.First, receiver.PeerEpoch, receiver.Accepted, receiver.Arrived, settings.Window, settings.MaxLineBytes);
    }

    /// <summary>
    /// The peer has sent its opening. If it has an earlier memory, that memory becomes the current one. If it names an
    /// ended epoch of this end, its acceptances use the numbers of that epoch.
    /// </summary>
    private void Meet(SessionOffer theirs)
    {
        // It is no longer known what was acknowledged since this end first met it.
        if (receiver.Recall(theirs.Epoch))
            firstAtMeeting = 0;
        // A client has sent its epoch already, and cannot begin another.
        if (greeting is not null || theirs.Peer is not { } named || named == epoch || endedEpochs?.Through(named, theirs.Rx) is not { Count: > 0 } accepted)
            return;
        if (sender.Ring.All.Any(l => accepted.Contains(l.Ticket)))
        {
            // It has a new number by now, and cannot be left out.
            outbox.PutBack(Surrender());
            NewEpoch();
        }

        foreach (var line in outbox.All.Where(l => accepted.Contains(l.Ticket)).ToList())
        {
            outbox.Remove(line);
            if (settings.IsKept)
                sender.SendAfter(host.Save(new(SessionRecordKind.Remove, Position: (long)line.Ticket)));
            host.Finished(line);
        }
    }

    /// <summary>
    /// Whether the peer's claims are possible. Only a restored memory can have been rolled back. Otherwise this end
    /// knows that the claim is false, and a stranger must not end its epoch.
    /// </summary>
    private bool IsCredible(SessionOffer theirs) => isRestored || theirs.Peer != epoch || sender.MayHaveSent(theirs.Seen);

    private static string NeverSent(SessionOffer theirs) => $"it has lines up to {theirs.Seen} of an epoch that never sent them";

    /// <summary>The four rules of resuming. False: this end's memory was rolled back.</summary>
    private bool Resume(SessionOffer theirs, TimeSpan now)
    {
        if (theirs.Peer == epoch)
        {
            if (!sender.MayHaveSent(theirs.Seen) || !sender.Acknowledge(theirs.Rx, now))
            {
                epochEnds = true;
                host.Notify(LinkNoticeKind.MemoryRolledBack, $"the peer has lines up to {theirs.Seen} of this end, which remembers only {sender.Ring.Next - 1}: a new epoch begins, what is unacknowledged is sent again");
                return false;
            }

            if (theirs.Rx + 1 < sender.Ring.First)
                host.Notify(LinkNoticeKind.LinesLost, $"the peer has forgotten lines {theirs.Rx + 1} to {sender.Ring.First - 1}, which it had accepted");
        }
        else if (receiver.PeerEpoch is { } met && !(theirs.Peer is null && theirs.Epoch == met && sender.Ring.First == firstAtMeeting))
        {
            // But the same memory that remembers no peer, and has accepted nothing, has only missed the answer to its
            // first opening.
            host.Notify(LinkNoticeKind.SessionNotResumed, $"the peer remembers nothing of this end's session; {sender.Ring.Count} unacknowledged lines are sent again");
        }

        if (receiver.PeerEpoch != theirs.Epoch)
            firstAtMeeting = sender.Ring.First;
        if (receiver.PeerEpoch is { } before && before != theirs.Epoch)
            host.Notify(LinkNoticeKind.PeerRestarted, "the peer began a new memory: what it had written and was not accepted is gone");
        if (receiver.Open(theirs.Epoch, theirs.Tx) is { } lost)
            host.Notify(LinkNoticeKind.LinesLost, $"lines {lost.First} to {lost.Last} were lost at the peer");
        return true;
    }

    private void Begin(SessionOffer theirs, TimeSpan now)
    {
        peerMax = theirs.Max;
        if (sender.FirstStale(theirs.Peer == epoch ? theirs.Seen : 0) is { } stale)
        {
            if (theirs.Peer != epoch)
            {
                // It has said its epoch already.
                epochEnds = true;
                EndConnection(new Outage(OutageReason.ConnectionLost, "lines of an earlier process have waited for too long; a new epoch begins without them"));
                return;
            }

            outbox.PutBack(sender.TakeFrom(stale));
        }

        if (sender.Ring.All.FirstOrDefault(l => l.Bytes > peerMax) is { } tooLong)
        {
            // It has a number and cannot be left out; but if it is sent, it ends every connection.
            epochEnds = true;
            EndConnection(new Outage(OutageReason.ConnectionLost, $"an unacknowledged line {Fault(tooLong.Bytes)}; a new epoch begins without it"));
            return;
        }

        foreach (var line in outbox.All.Where(l => l.Bytes > peerMax).ToList())
        {
            outbox.Remove(line);
            host.Impossible(line, Fault(line.Bytes)!);
        }

        sender.Open(theirs.Window, Timeout);
        host.Opened();
        Send(now);
    }

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
                    throw new ProtocolException($"{Printable.Of(Text(line))} tells the arrival of a line that was never sent");
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

    /// <summary>A client reads the server's answer to its opening.</summary>
    private void TakeAnswer(ReadOnlySpan<byte> line, TimeSpan now)
    {
        if (line.IsEmpty && phase == Phase.Greeting)
        {
            // A server that answers an opening with a keepalive took it for an id: it is a micropython-iot server.
            FallBack();
            return;
        }

        if (openingAfter is not null)
            throw new ProtocolException("the server spoke before the client had said its opening");
        var answer = Tokens.Parse(Text(line));
        switch (answer.Word)
        {
            case "prove" when phase == Phase.Greeting && settings.Key is not null:
                if (greeting!.Prove(answer) is { } proof)
                {
                    Move(Step.Prove);
                    SayLine(proof);
                    break;
                }

                EndConnection(new Outage(OutageReason.PeerNotProven, "the server did not prove that it knows this device's key: it has another one, or none, or is an impostor"));
                break;
            case "ok" when phase == Phase.Greeting && settings.Key is not null:
                EndConnection(new Outage(OutageReason.PeerNotProven, "the server let this device in without proving that it knows its key: it asks for no keys, or is an impostor"));
                break;
            case "ok":
                var theirs = SessionOffer.Read(answer);
                if (!IsCredible(theirs))
                    throw new ProtocolException($"the server is not to be believed: {NeverSent(theirs)}");
                Timeout = Borne(TimeSpan.FromMilliseconds(answer.RequiredNumber("timeout", 1, 86_400_000)));
                Move(Step.Ok);
                Meet(theirs);
                if (Resume(theirs, now))
                    Begin(theirs, now);
                else
                    EndConnection(new Outage(OutageReason.ConnectionLost, "this end's memory was rolled back; a new one begins"));
                break;
            case "no":
                var refusal = Refusal.Read(answer);
                if (settings.MayFallBack && refusal.Is(RefusalCode.Version))
                {
                    FallBack();
                    break;
                }

                EndConnection(new Outage(OutageReason.Refused, refusal.ToString()) { RetryAfter = refusal.Retry });
                break;
            default:
                throw new ProtocolException($"'{Printable.Of(answer.Word)}' is no answer to an opening in this state");
        }
    }

    /// <summary>
    /// Checks the server's timeout. With a longer one this client would not notice for long that the server has gone;
    /// with a shorter one it would do nothing but repeat its lines and send keepalives.
    /// </summary>
    private TimeSpan Borne(TimeSpan timeout)
    {
        var least = settings.Timeout < LinkOptions.MinTimeout ? settings.Timeout : LinkOptions.MinTimeout;
        if (timeout < least)
            throw new ProtocolException($"the server's timeout of {timeout.TotalSeconds:0.###} s is shorter than this client bears ({least.TotalSeconds:0.###} s)");
        return timeout > settings.MaxTimeout
            ? throw new ProtocolException($"the server's timeout of {timeout.TotalSeconds:0.###} s is longer than this client bears ({settings.MaxTimeout.Value.TotalSeconds:0.###} s)")
            : timeout;
    }

    private void FallBack()
    {
        if (!settings.MayFallBack)
            throw new ProtocolException("the server answered with a keepalive, as one of protocol 1 does (micropython-iot): it needs Protocol = 1, which has no keys");
        host.FallBack(version: 1);
        EndConnection(new Outage(OutageReason.ProtocolError, "the server speaks protocol 1; so does this client on its next connection"));
    }

    private void TakeFarewell(string text)
    {
        // A server cannot be displaced.
        var displaced = text == Farewell.Displaced && settings.Role == Role.Client;
        var said = text.Length == 0 ? "the peer left" : $"the peer left: {Printable.Of(text)}";
        EndConnection(new Outage(displaced ? OutageReason.Displaced : OutageReason.PeerLeft, said));
    }

    private void EndConnection(Outage outage)
    {
        Move(Step.End);
        host.EndConnection(outage);
    }

    private void Move(Step step) => phase = Phases.Next(phase, step)
        ?? throw new InvalidOperationException($"{step} cannot happen to a {settings.Role} that is {phase}.");

    private void NewEpoch()
    {
        Span<byte> bytes = stackalloc byte[8];
        settings.Random(bytes);
        epoch = BitConverter.ToUInt64(bytes);
        (isRestored, epochEnded, firstAtMeeting) = (false, false, 0);
        sender.SendAfter(Save(new(SessionRecordKind.Begin, Epoch: epoch)));
        receiver.KeepAgain();
    }

    /// <summary>
    /// Keeps a record and gives its place; without a store, a place that counts as kept already.
    /// </summary>
    private long Save(in SessionRecord record) => settings.IsKept ? host.Save(record) : 0;

    /// <summary>
    /// A client sends its opening once its number is kept: no later connection may use the same number.
    /// </summary>
    private void SayOpening()
    {
        if (openingAfter is not { } record || record > saved)
            return;
        openingAfter = null;
        SayLine(greeting!.Open(Offer()));
    }

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
