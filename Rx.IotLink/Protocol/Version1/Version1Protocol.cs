using System.Buffers;

namespace Rx.IotLink.Protocol.Version1;

/// <summary>The settings of protocol 1.</summary>
internal sealed record Version1Settings(Role Role, string Id, TimeSpan Timeout, int MaxLineBytes)
{
    /// <summary>
    /// How long the acknowledgement of 00 is delayed. A peer that waits for it sends no lines meanwhile; a peer that
    /// does not wait is recognised by its next lines (see <see cref="HeldLines"/>).
    /// </summary>
    public TimeSpan FirstAcknowledgementDelay { get; init; } = TimeSpan.FromMilliseconds(20);
}

/// <summary>Protocol 1, that of micropython-iot, at either end. The specification is docs/protocol-1.md.</summary>
internal sealed class Version1Protocol(Version1Settings settings, Outbox outbox, IProtocolHost host) : IProtocol
{
    /// <summary>
    /// How long a server waits between a client's first bytes and its own first message, until the client's reader is
    /// ready.
    /// </summary>
    public static readonly TimeSpan SettlingTime = TimeSpan.FromMilliseconds(200);

    private static readonly TimeSpan LeastMargin = TimeSpan.FromMilliseconds(250);

    private SentLines sent = new(settings.Timeout);
    private readonly ReceivedLines received = new(settings.Timeout);
    private WaitingLines<ReceivedLines.Entry> unaccepted;
    private readonly HeldLines held = new();
    private Phase phase = Phase.Disconnected;
    private IBufferWriter<byte>? output;
    private TimeSpan settledAt;
    private TimeSpan? zeroCameAt;
    private TimeSpan? sayZeroAt;
    private TimeSpan? releaseAt;
    private TimeSpan heardAt;
    private bool repeatAll;
    private bool isInLine;
    private TimeSpan wasInLine;
    private bool wasOpen;

    public bool OneSendPerLine => settings.Role == Role.Client;

    public bool KeepaliveAlways => settings.Role == Role.Server;

    public TimeSpan Timeout => settings.Timeout;

    public bool WantsToSend => false;

    // The server refuses an id that it still takes for live. So its own timeout must have passed, with time to notice
    // it. A server that has not answered may have been greeting others, and may come to this connection only when it is
    // over: so the client waits as long again.
    public TimeSpan QuietTime => Max(settings.Timeout + Max(settings.Timeout / 4, LeastMargin), wasOpen ? TimeSpan.Zero : 2 * settings.Timeout);

    public TimeSpan? Deadline => Earlier(DeadlineOfSending, Earlier(sayZeroAt, releaseAt));

    private TimeSpan? DeadlineOfSending => phase switch
    {
        Phase.Settling => settledAt,
        // Until the peer has sent all of its line, it cannot send an acknowledgement; the acknowledgements then follow
        // at once.
        Phase.Open when isInLine => null,
        Phase.Open when sent.Deadline < wasInLine + (settings.Timeout / 8) => wasInLine + (settings.Timeout / 8),
        Phase.Open => sent.Deadline,
        _ => null,
    };

    public int HeldBytes => held.Bytes;

    public int Waiting => unaccepted.Count;

    public IEnumerable<OutLine> Unfinished => sent.All.Select(s => s.Line);

    public int UnfinishedCount => sent.All.Count(s => s.Line.Outcome is null);

    public void Connect(IBufferWriter<byte> output, TimeSpan now, PeerOpening? opening)
    {
        Move(Step.Connect, now);
        this.output = output;
        repeatAll = true;
        wasOpen = false;
        received.Connect(now);
        if (settings.Role == Role.Client)
        {
            Utf8.Write(output, settings.Id);
            EndLine();
            return;
        }

        Keepalive();
        host.Opened();
    }

    public SequencePosition Receive(in ReadOnlySequence<byte> bytes, TimeSpan now)
    {
        Move(Step.Bytes, now);
        using var lines = new LineReader(bytes);
        while (lines.TryRead(LongestLine, out var line))
        {
            received.Heard(now);
            heardAt = now;
            Take(line, now);
            Move(Step.Line, now);
            // After each line, so that the output does not depend on the pieces in which the bytes came.
            Send(now);
        }

        NoteLine(!bytes.Slice(lines.Position).IsEmpty, now);
        return lines.Position;
    }

    public bool IsWithinLine(in ReadOnlySequence<byte> bytes) => isInLine && phase == Phase.Open && LineReader.IsPart(bytes, LongestLine);

    // With its identifier.
    private int LongestLine => settings.MaxLineBytes + 2;

    public void Disconnect(TimeSpan now)
    {
        (isInLine, wasInLine) = (false, TimeSpan.Zero);
        zeroCameAt = sayZeroAt = releaseAt = null;
        held.Clear();
        received.Disconnect();
        Move(Step.Disconnect, now);
        output = null;
        sent.GiveUpBestEffort();
    }

    public void Send(TimeSpan now)
    {
        if (phase != Phase.Open)
            return;
        if (repeatAll)
        {
            repeatAll = false;
            Repeat(sent.All);
        }

        while (NextToSend() is { } line)
        {
            outbox.Remove(line);
            WriteMessage(sent.Add(line));
            if (line.Delivery == Delivery.BestEffort)
                host.Finished(line);
        }
    }

    public IReadOnlyList<OutLine> Surrender()
    {
        OutLine[] lines = [.. Unfinished];
        sent = new(settings.Timeout);
        return lines;
    }

    public void Handed() => sent.Handed();

    public void Taken(TimeSpan now) => sent.Taken(now);

    /// <summary>Its lines have no numbers that a memory could keep.</summary>
    public void SendAfter(long record)
    {
    }

    /// <summary>
    /// Nothing waits for a record: only written lines are kept, and they are sent again after a restart.
    /// </summary>
    public void Saved(long upTo, TimeSpan now)
    {
    }

    public void Accept(long through, TimeSpan now)
    {
        while (unaccepted.TryTakeThrough(through, out var entry))
        {
            if (received.Accept(entry!, connected: output is not null))
                Acknowledge(entry!, now);
        }
    }

    public void Keepalive()
    {
        // This also applies to a client that has sent its id: after a failed keepalive the ancestor's server sends
        // nothing on the next connection before its client has sent something.
        if (output is not null)
            EndLine();
    }

    public void Bye(string text)
    {
        // Protocol 1 has no farewell.
    }

    public string? Fault(int bytes) => bytes == 0 ? "must not be empty: on the wire it would be an acknowledgement" : null;

    public void Elapse(TimeSpan now)
    {
        if (sayZeroAt <= now)
            AcknowledgeZero(now);
        if (releaseAt <= now)
            Release(now);
        if (DeadlineOfSending is not { } due || due > now)
            return;
        if (phase == Phase.Settling)
        {
            Move(Step.Settled, now);
        }
        else
        {
            sent.GiveUpBestEffort(dueBy: now);
            Repeat(sent.DueBy(now));
        }

        Send(now);
    }

    private void NoteLine(bool begun, TimeSpan now)
    {
        if (isInLine)
            wasInLine = now;
        isInLine = begun;
    }

    private void Move(Step step, TimeSpan now)
    {
        var from = phase;
        phase = Phases.Next(settings.Role, from, step);
        wasOpen |= phase == Phase.Open;
        if (phase == from)
            return;
        if (phase == Phase.Settling)
            settledAt = now + SettlingTime;
        if (phase == Phase.Open && settings.Role == Role.Client)
        {
            // Sent at once, since the server's messages wait for the client's first bytes.
            Keepalive();
            host.Opened();
        }
    }

    private void Take(ReadOnlySpan<byte> line, TimeSpan now)
    {
        switch (line.Length)
        {
            case 0:
                host.Heartbeat();
                break;
            case 1:
                throw new ProtocolException(line[0] == '\r' ? "a line of CR alone: lines end in LF, not CR LF" : $"a line of one byte, 0x{line[0]:x2}: too short for a message id");
            case 2:
                TakeAcknowledgement(ParseMid(line), now);
                break;
            default:
                TakeMessage(ParseMid(line), line[2..], now);
                break;
        }
    }

    private void TakeAcknowledgement(byte mid, TimeSpan now)
    {
        if (sent.Acknowledge(mid, now) is { Line.Delivery: Delivery.ExactlyOnce } done)
            host.Finished(done.Line);
    }

    private void TakeMessage(byte mid, ReadOnlySpan<byte> payload, TimeSpan now)
    {
        if (!Utf8.IsValid(payload))
            throw new ProtocolException($"message {mid:x2} is not UTF-8");
        if (mid != 0 && IsHeld(mid, payload, now))
            return;
        TakeValid(mid, payload, now);
    }

    private void TakeValid(byte mid, ReadOnlySpan<byte> payload, TimeSpan now)
    {
        var hash = Fnv1a.Hash(payload);
        if (received.FindRepeated(mid, hash) is { } known)
        {
            host.DuplicateReceived();
            if (received.IsDoubtful(known))
                host.Notify(LinkNoticeKind.RepetitionAssumed, "line 00, the first of the peer's process, came again on a later connection and was taken for a repetition; had the peer restarted within that moment and begun with the same line, it would look the same (docs/protocol-1.md)");
            if (mid == 0)
                ZeroCame(isFirstHere: received.IsFirstHere(known), now);
            if (received.Repeated(known))
                Acknowledge(known, now);
            return;
        }

        if (!host.TryDeliver(payload, Delivery.ExactlyOnce, default, out var line))
            return;
        if (received.TakeRestart())
            host.Notify(LinkNoticeKind.PeerRestarted, "the peer has restarted: its message ids began anew at 00");
        if (mid == 0)
            ZeroCame(isFirstHere: true, now);
        unaccepted.Add(line, received.Add(mid, hash));
    }

    /// <summary>Whether a line has to wait until the peer has shown that it has the acknowledgement of 00.</summary>
    private bool IsHeld(byte mid, ReadOnlySpan<byte> payload, TimeSpan now)
    {
        if (!held.Any && !(now < zeroCameAt + settings.FirstAcknowledgementDelay))
            return false;
        if (held.Holds(mid))
        {
            // The peer repeats lines that are not acknowledged, but not 00, which it would repeat first: so it has that
            // acknowledgement.
            if (received.Zero is not { AcknowledgedAt: not null } zero)
                return true;
            zero.Settled = true;
            Release(now);
            return false;
        }

        received.Zero?.WasOvertaken = true;
        if (!host.HasRoomFor(payload.Length) || !held.TryAdd(mid, payload))
            host.Withheld();
        return true;
    }

    /// <summary>Takes the held lines. The peer has not repeated 00, although it would have by now.</summary>
    private void Release(TimeSpan now)
    {
        releaseAt = null;
        if (received.Zero is { AcknowledgedAt: { } at } zero && heardAt > at + settings.Timeout)
            zero.Settled = true;
        foreach (var (mid, payload) in held.TakeAll())
            TakeValid(mid, payload, now);
    }

    private void ZeroCame(bool isFirstHere, TimeSpan now)
    {
        releaseAt = null;
        if (!isFirstHere)
            return;
        zeroCameAt = now;
        sayZeroAt = now + settings.FirstAcknowledgementDelay;
    }

    private void Acknowledge(ReceivedLines.Entry entry, TimeSpan now)
    {
        if (entry.Mid != 0 || sayZeroAt is null || sayZeroAt <= now)
            SayAcknowledgement(entry, now);
    }

    private void AcknowledgeZero(TimeSpan now)
    {
        sayZeroAt = null;
        if (received.Zero is { Accepted: true } zero)
            SayAcknowledgement(zero, now);
        else
            Release(now);
    }

    private void SayAcknowledgement(ReceivedLines.Entry entry, TimeSpan now)
    {
        Mid.Write(output!, entry.Mid);
        EndLine();
        entry.AcknowledgedAt = now;
        if (entry.Mid != 0)
            return;
        sayZeroAt = null;
        if (held.Any)
            releaseAt = now + (settings.Timeout * 5 / 4);
    }

    private static byte ParseMid(ReadOnlySpan<byte> line) =>
        Mid.TryParse(line, out var mid) ? mid : throw new ProtocolException($"0x{line[0]:x2} 0x{line[1]:x2} where two lower-case hex digits of a message id must be");

    private OutLine? NextToSend()
    {
        if (outbox.Ordered is { } ordered && sent.HasRoomFor(ordered))
            return ordered;
        if (outbox.Concurrent is { } concurrent && sent.HasRoomFor(concurrent))
            return concurrent;
        return outbox.BestEffort is { } bestEffort && sent.HasRoomFor(bestEffort) ? bestEffort : null;
    }

    private void Repeat(IEnumerable<SentLines.Sent> lines)
    {
        foreach (var line in lines)
        {
            WriteMessage(line);
            host.Repeated();
        }
    }

    private void WriteMessage(SentLines.Sent line)
    {
        sent.Saying(line);
        Mid.Write(output!, line.Mid);
        var bytes = line.Line.Bytes;
        line.Line.CopyTo(output!.GetSpan(bytes));
        output.Advance(bytes);
        EndLine();
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private static TimeSpan? Earlier(TimeSpan? a, TimeSpan? b) => a is null || b < a ? b : a;

    private void EndLine() => output!.Write("\n"u8);
}
