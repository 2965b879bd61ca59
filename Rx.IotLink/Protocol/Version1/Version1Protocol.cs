using System.Buffers;

namespace Rx.IotLink.Protocol.Version1;

/// <summary>What protocol 1 is told at the start.</summary>
internal sealed record Version1Settings(Role Role, string Id, TimeSpan Timeout, int MaxLineBytes);

/// <summary>Protocol 1, that of micropython-iot, at either end. The specification is docs/protocol-1.md.</summary>
internal sealed class Version1Protocol(Version1Settings settings, Outbox outbox, IProtocolHost host) : IProtocol
{
    /// <summary>What a server waits between a client's first bytes and its first message, for the client's reader to be ready.</summary>
    public static readonly TimeSpan SettlingTime = TimeSpan.FromMilliseconds(200);

    private static readonly TimeSpan LeastMargin = TimeSpan.FromMilliseconds(250);

    private readonly SentLines sent = new(settings.Timeout);
    private readonly ReceivedLines received = new(settings.Timeout);
    private readonly Queue<ReceivedLines.Entry> unaccepted = new();
    private Phase phase = Phase.Disconnected;
    private IBufferWriter<byte>? output;
    private TimeSpan settledAt;
    private bool repeatAll;

    public bool OneSendPerLine => settings.Role == Role.Client;

    public bool KeepaliveAlways => settings.Role == Role.Server;

    public TimeSpan Timeout => settings.Timeout;

    public bool WantsToSend => false;

    // The server refuses an id that it still believes to be live, so it must have had its own timeout, and time to look at it.
    public TimeSpan QuietTime => settings.Timeout + Max(settings.Timeout / 4, LeastMargin);

    public TimeSpan? Deadline => phase switch
    {
        Phase.Settling => settledAt,
        Phase.Open => sent.Deadline,
        _ => null,
    };

    public IEnumerable<OutLine> Unfinished => sent.All.Select(s => s.Line);

    public void Connect(IBufferWriter<byte> output, TimeSpan now, PeerOpening? opening)
    {
        Move(Step.Connect, now);
        this.output = output;
        repeatAll = true;
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
        while (lines.TryRead(settings.MaxLineBytes + 2, out var line))
        {
            received.Heard(now);
            Take(line, now);
            Move(Step.Line, now);
            // After each line, so that what is said does not depend on the pieces the bytes came in.
            Send(now);
        }

        return lines.Position;
    }

    public void Disconnect(TimeSpan now)
    {
        received.Disconnect();
        Move(Step.Disconnect, now);
        output = null;
        sent.GiveUpBestEffort(sentBefore: now);
    }

    public void Send(TimeSpan now)
    {
        if (phase != Phase.Open)
            return;
        if (repeatAll)
        {
            repeatAll = false;
            Repeat(sentBefore: TimeSpan.MaxValue, now);
        }

        while (NextToSend() is { } line)
        {
            outbox.Remove(line);
            WriteMessage(sent.Add(line, now));
            if (line.Delivery == Delivery.BestEffort)
                host.Finished(line);
        }
    }

    /// <summary>Protocol 1 keeps no memory outside the process.</summary>
    public void Saved(long upTo, TimeSpan now)
    {
    }

    public void Accept(TimeSpan now)
    {
        var entry = unaccepted.Dequeue();
        if (received.Accept(entry, connected: output is not null, now))
            Acknowledge(entry.Mid);
    }

    public void Keepalive()
    {
        // A client that has said its id must be silent until the server's first line: the ancestor's server discards what comes with a returning id.
        if (output is not null && (settings.Role == Role.Server || phase == Phase.Open))
            EndLine();
    }

    public void Bye(string text)
    {
        // There is no word for it.
    }

    public string? Fault(int bytes) => bytes == 0 ? "must not be empty: on the wire it would be an acknowledgement" : null;

    public void Elapse(TimeSpan now)
    {
        if (Deadline is not { } due || due > now)
            return;
        if (phase == Phase.Settling)
        {
            Move(Step.Settled, now);
        }
        else
        {
            sent.GiveUpBestEffort(now - settings.Timeout);
            Repeat(now - settings.Timeout, now);
        }

        Send(now);
    }

    private void Move(Step step, TimeSpan now)
    {
        var from = phase;
        phase = Phases.Next(settings.Role, from, step);
        if (phase == from)
            return;
        if (phase == Phase.Settling)
            settledAt = now + SettlingTime;
        if (phase == Phase.Open && settings.Role == Role.Client)
        {
            // Said at once, since the server's messages wait for the client's first bytes.
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
                TakeAcknowledgement(ParseMid(line));
                break;
            default:
                TakeMessage(ParseMid(line), line[2..], now);
                break;
        }
    }

    private void TakeAcknowledgement(byte mid)
    {
        if (sent.Acknowledge(mid) is { Line.Delivery: Delivery.ExactlyOnce } done)
            host.Finished(done.Line);
    }

    private void TakeMessage(byte mid, ReadOnlySpan<byte> payload, TimeSpan now)
    {
        if (!Utf8.IsValid(payload))
            throw new ProtocolException($"message {mid:x2} is not UTF-8");
        var hash = Fnv1a.Hash(payload);
        if (received.IsRepeat(mid, hash))
        {
            host.DuplicateReceived();
            if (received.IsDoubtful(mid))
                host.Notify(LinkNoticeKind.RepetitionAssumed, "the first line of an earlier connection came again and was taken for a repetition; had the peer restarted within that moment and begun with the same line, it would look the same (docs/protocol-1.md)");
            if (received.Repeated(mid, now))
                Acknowledge(mid);
            return;
        }

        if (!host.TryDeliver(payload, Delivery.ExactlyOnce))
            return;
        if (received.TakeRestart() is { } shownBy)
            host.Notify(LinkNoticeKind.PeerRestarted, $"the peer has restarted: its message ids began anew: {shownBy:x2} came with another line than before");
        unaccepted.Enqueue(received.Add(mid, hash));
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

    private void Repeat(TimeSpan sentBefore, TimeSpan now)
    {
        foreach (var line in sent.All.Where(l => l.SentAt <= sentBefore))
        {
            line.SentAt = now;
            WriteMessage(line);
            host.Repeated();
        }
    }

    private void WriteMessage(SentLines.Sent line)
    {
        Mid.Write(output!, line.Mid);
        var bytes = line.Line.Bytes;
        line.Line.CopyTo(output!.GetSpan(bytes));
        output.Advance(bytes);
        EndLine();
    }

    private void Acknowledge(byte mid)
    {
        Mid.Write(output!, mid);
        EndLine();
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private void EndLine() => output!.Write("\n"u8);
}
