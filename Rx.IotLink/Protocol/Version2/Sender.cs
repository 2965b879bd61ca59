using System.Buffers;

namespace Rx.IotLink.Protocol.Version2;

/// <summary>The sending side: numbers, the window, what must be sent again.</summary>
internal sealed class Sender(Outbox outbox, IProtocolHost host, bool isKept)
{
    private readonly SentRing ring = new();
    private ulong next = 1;
    private ulong again = 1;
    private ulong arrived;
    private int window;

    // Lines before these numbers are in the connection's hands, and have been taken by it.
    private ulong handed = 1;
    private ulong taken = 1;

    // Where the memory is kept: the lines on their way there, and the number of the last that is. Only what is kept is
    // sent.
    private readonly SavingNumbers? saving = isKept ? new() : null;
    private ulong kept = isKept ? 0 : ulong.MaxValue;

    // All records up to this one are kept; and the one that must be kept before any further line is sent: with the
    // numbers of lines it is so that they are what an earlier process would have given them.
    private long saved;
    private long barrier;

    public SentRing Ring => ring;

    public RepetitionClock Clock { get; } = new();

    /// <summary>
    /// When what has not arrived is to be sent again. Null: there is nothing, or some of it is still to be sent, and a
    /// copy would only wait behind it.
    /// </summary>
    public TimeSpan? RepeatAt => Oldest < next && next <= taken ? Clock.Due(ring[Oldest]) : null;

    /// <summary>Number of the oldest line that the peer has not said to have.</summary>
    private ulong Oldest => Math.Max(ring.First, arrived + 1);

    /// <summary>Takes the lines of a kept memory that an earlier process may have sent, all of which wait.</summary>
    public void Restore(SessionMemory memory)
    {
        ring.BeginWith(memory.First);
        while (ring.Count < SessionOffer.MaxWindow && outbox.FirstExactlyOnce is { } line)
        {
            outbox.Remove(line);
            ring.Add(line);
        }

        next = again = ring.First;
        kept = ring.Next - 1;
    }

    /// <summary>
    /// What is kept up to this record decides about the numbers of lines: none is sent under a new one before it is
    /// kept.
    /// </summary>
    public void SendAfter(long record) => barrier = Math.Max(barrier, record);

    /// <summary>Begins anew, with nothing sent: a new epoch.</summary>
    public void Forget()
    {
        ring.Clear();
        next = again = handed = taken = 1;
        arrived = 0;
        if (saving is null)
            return;
        saving.Clear();
        kept = 0;
    }

    /// <summary>All records up to this one are kept, and their lines may be sent.</summary>
    public void Saved(long record)
    {
        saved = record;
        kept = saving?.TakeThrough(record) ?? kept;
    }

    /// <summary>Whether a line of this number was ever sent, as far as this end can know.</summary>
    public bool MayHaveSent(ulong number) => number < ring.Next && number <= kept;

    /// <summary>A connection opens: everything unacknowledged goes again, within the peer's window.</summary>
    public void Open(int peerWindow, TimeSpan timeout)
    {
        window = peerWindow;
        Clock.Open(timeout);
        SendAgainFrom(ring.First);
    }

    /// <summary>What was sent so far is being given to the connection.</summary>
    public void Handed() => handed = next;

    /// <summary>The connection has taken what it was given.</summary>
    public void Taken(TimeSpan now)
    {
        // Of the oldest line alone: others may be sent for ever.
        if (taken <= Oldest && Oldest < handed)
            Clock.Begin(now);
        taken = handed;
    }

    /// <summary>All lines up to this number are accepted. False: so many were never sent.</summary>
    public bool Acknowledge(ulong number, TimeSpan now)
    {
        if (!MayHaveSent(number))
            return false;
        if (number < ring.First)
            return true;
        Progress(now);
        ulong position = 0;
        while (ring.First <= number)
        {
            var accepted = ring.RemoveFirst();
            position = accepted.Ticket;
            host.Finished(accepted);
        }

        next = Math.Max(next, ring.First);
        arrived = Math.Max(arrived, number);
        if (isKept)
            host.Save(new(SessionRecordKind.RemoveThrough, Position: (long)position, Number: number));
        return true;
    }

    /// <summary>
    /// All lines up to this number have arrived, and wait for the peer's application: they need not be sent again.
    /// </summary>
    public bool Arrived(ulong number, TimeSpan now)
    {
        if (!MayHaveSent(number))
            return false;
        if (number >= Oldest)
            Progress(now);
        arrived = Math.Max(arrived, number);
        next = Math.Max(next, arrived + 1);
        return true;
    }

    /// <summary>
    /// Nothing waits for the peer's application any more: what had arrived was accepted, and if it is not acknowledged
    /// by now, the acknowledgement was lost.
    /// </summary>
    public void NothingWaits() => arrived = Math.Min(arrived, ring.First - 1);

    /// <summary>What has not arrived is lost: it goes again.</summary>
    public void SendAgain()
    {
        Clock.Repeat();
        SendAgainFrom(Oldest);
    }

    /// <summary>The number that 16 bits of it stand for: the one nearest to what is being sent.</summary>
    public ulong Whole(ushort low) => ring.Next + (ulong)(long)(short)(low - (ushort)ring.Next);

    /// <summary>
    /// Sends what the window and the connection have room for; best effort after exactly once, which it must not delay.
    /// </summary>
    public void Send(IBufferWriter<byte> output)
    {
        while (host.HasRoomToSend && HasNext())
        {
            var line = ring[next];
            var span = output.GetSpan(line.Bytes + 6);
            span[0] = (byte)'+';
            WriteLow(span[1..], next);
            line.CopyTo(span[5..]);
            span[line.Bytes + 5] = (byte)'\n';
            output.Advance(line.Bytes + 6);
            if (next < again)
                host.Repeated();
            next++;
        }

        while (host.HasRoomToSend && outbox.BestEffort is { } line)
        {
            outbox.Remove(line);
            var span = output.GetSpan(line.Bytes + 2);
            span[0] = (byte)'-';
            line.CopyTo(span[1..]);
            span[line.Bytes + 1] = (byte)'\n';
            output.Advance(line.Bytes + 2);
            host.Finished(line);
        }
    }

    /// <summary>Writes a line that is a mark and the low 16 bits of a number.</summary>
    public static void WriteMark(IBufferWriter<byte> output, char mark, ulong number)
    {
        var span = output.GetSpan(6);
        span[0] = (byte)mark;
        WriteLow(span[1..], number);
        span[5] = (byte)'\n';
        output.Advance(6);
    }

    private bool HasNext()
    {
        if (next == ring.Next)
            TryTake();
        // Restored lines may be more than a window that has become smaller.
        return next < ring.Next && next - ring.First < (ulong)window && next <= kept;
    }

    /// <summary>Gives the next line its number, if the window has room for it.</summary>
    private bool TryTake()
    {
        if (ring.Count >= window || outbox.FirstExactlyOnce is not { } line)
            return false;
        if (saving is not null)
            Number(line);
        outbox.Remove(line);
        ring.Add(line);
        return true;
    }

    /// <summary>Takes note of what must be kept before a line is sent under the next number.</summary>
    private void Number(OutLine line)
    {
        // So the records of the numbers grow with them: a line that was put back is older than the epoch that numbers
        // it anew.
        barrier = Math.Max(barrier, line.Record);
        if (saving!.Last is null && barrier <= saved)
            kept = ring.Next;
        else
            saving.Add(barrier, ring.Next);
    }

    private void SendAgainFrom(ulong number)
    {
        again = Math.Max(again, next);
        arrived = Math.Min(arrived, number - 1);
        next = handed = taken = number;
    }

    private void Progress(TimeSpan now)
    {
        if (Oldest < next)
            Clock.Progress(ring[Oldest], now);
        else
            Clock.Progress(now);
    }

    private static void WriteLow(Span<byte> output, ulong number)
    {
        for (var digit = 3; digit >= 0; digit--, number >>= 4)
            output[digit] = "0123456789abcdef"u8[(int)(number & 15)];
    }
}
