using System.Buffers;

namespace Rx.IotLink.Protocol.Version2;

/// <summary>The sending side: numbers, the window, repetitions.</summary>
internal sealed class Sender(Outbox outbox, IProtocolHost host, bool isKept)
{
    private readonly SentRing ring = new();
    private RepetitionClock clock;
    private ulong next = 1;
    private ulong again = 1;
    private ulong arrived;
    private int window;

    // Lines before these numbers were given to the connection, and were taken by it.
    private ulong handed = 1;
    private ulong taken = 1;

    // With a store: the lines that are not kept yet, and the number of the last kept line. Only kept lines are sent.
    private SavingNumbers? saving;
    private ulong kept = isKept ? 0 : ulong.MaxValue;

    // Where the memory is kept: the acknowledgements that are being saved, and the number of the oldest line that the
    // store still has.
    private SavingNumbers? removing;
    private ulong firstKept = 1;

    // The last kept record; and the record that must be kept before a further line is sent, so that the numbers of
    // lines are those that an earlier process would have given them.
    private long saved;
    private long barrier;

    public SentRing Ring => ring;

    public ref RepetitionClock Clock => ref clock;

    /// <summary>
    /// When to send again lines that have not arrived. Null: there are none, or some are not sent yet, and a copy
    /// would only wait behind them.
    /// </summary>
    public TimeSpan? RepeatAt => Oldest < next && next <= taken ? Clock.Due(ring[Oldest]) : null;

    /// <summary>The number of the oldest line whose arrival the peer has not reported.</summary>
    private ulong Oldest => Math.Max(ring.First, arrived + 1);

    /// <summary>Takes the waiting lines of a kept memory that an earlier process may have sent.</summary>
    public void Restore(SessionMemory memory)
    {
        ring.BeginWith(memory.First);
        while (ring.Count < SessionOffer.MaxWindow && outbox.FirstExactlyOnce is { } line)
        {
            outbox.Remove(line);
            ring.Add(line);
        }

        next = again = firstKept = ring.First;
        kept = ring.Next - 1;
    }

    /// <summary>
    /// This record decides the numbers of lines: no line gets a new number and is sent before it is kept.
    /// </summary>
    public void SendAfter(long record) => barrier = Math.Max(barrier, record);

    /// <summary>Starts again with nothing sent: a new epoch.</summary>
    public void Forget()
    {
        ring.Clear();
        next = again = handed = taken = 1;
        arrived = 0;
        if (!isKept)
            return;
        saving?.Clear();
        removing?.Clear();
        (kept, firstKept) = (0, 1);
    }

    /// <summary>All records up to this one are kept, and their lines may be sent.</summary>
    public void Saved(long record)
    {
        saved = record;
        kept = saving?.TakeThrough(record) ?? kept;
        if (removing?.TakeThrough(record) is { } removed)
            firstKept = removed + 1;
    }

    /// <summary>Whether a line of this number was ever sent, as far as this end can know.</summary>
    public bool MayHaveSent(ulong number) => number < ring.Next && number <= kept;

    /// <summary>
    /// Gives up lines beyond the last one that the peer has, if their time is over. Their numbers are never given to
    /// other lines, since an application may have them by now: instead of each the peer is sent that there is none.
    /// </summary>
    public void GiveUpStale(ulong seen)
    {
        for (var number = Math.Max(ring.First, seen + 1); number < ring.Next; number++)
            ring[number].IsGivenUp = ring[number].IsGivenUp || host.GivesUp(ring[number]);
    }

    /// <summary>A connection opens: all unacknowledged lines are sent again, within the peer's window.</summary>
    public void Open(int peerWindow, TimeSpan timeout)
    {
        window = peerWindow;
        Clock.Open(timeout);
        SendAgainFrom(ring.First);
    }

    /// <summary>The output so far is being given to the connection.</summary>
    public void Handed() => handed = next;

    /// <summary>The connection has taken its piece.</summary>
    public void Taken(TimeSpan now)
    {
        // For the oldest line alone: later lines may be sent all the time.
        if (taken <= Oldest && Oldest < handed)
            Clock.Begin(now);
        taken = handed;
    }

    /// <summary>All lines up to this number are accepted. False: a line with this number was never sent.</summary>
    public bool Acknowledge(ulong number, TimeSpan now)
    {
        if (!MayHaveSent(number))
            return false;
        if (number < ring.First)
            return true;
        Progress(now);
        ulong position = 0;
        List<long>? givenUp = null;
        while (ring.First <= number)
        {
            var accepted = ring.RemoveFirst();
            position = accepted.Ticket;
            if (accepted.IsGivenUp)
                (givenUp ??= []).Add((long)position);
            host.Finished(accepted);
        }

        next = Math.Max(next, ring.First);
        arrived = Math.Max(arrived, number);
        if (isKept)
            (removing ??= new()).Add(host.Save(new(SessionRecordKind.RemoveThrough, Position: (long)position, Number: number) { GivenUp = givenUp }), number);
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
    /// No line waits for the peer's application: arrived lines were accepted. If they are not acknowledged by now,
    /// the acknowledgement was lost.
    /// </summary>
    public void NothingWaits() => arrived = Math.Min(arrived, ring.First - 1);

    /// <summary>Lines that have not arrived are lost: they are sent again.</summary>
    public void SendAgain()
    {
        Clock.Repeat();
        SendAgainFrom(Oldest);
    }

    /// <summary>The whole number for its low 16 bits: the one nearest to the next number.</summary>
    public ulong Whole(ushort low) => ring.Next + (ulong)(long)(short)(low - (ushort)ring.Next);

    /// <summary>
    /// Sends what the window and the connection have room for; best effort after exactly once, which it must not
    /// delay.
    /// </summary>
    public void Send(IBufferWriter<byte> output)
    {
        while (host.HasRoomToSend && HasNext())
        {
            var line = ring[next];
            if (line.IsGivenUp)
                WriteMark(output, '#', next);
            else
                WriteLine(output, line, next);
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

    private static void WriteLine(IBufferWriter<byte> output, OutLine line, ulong number)
    {
        var span = output.GetSpan(line.Bytes + 6);
        span[0] = (byte)'+';
        WriteLow(span[1..], number);
        line.CopyTo(span[5..]);
        span[line.Bytes + 5] = (byte)'\n';
        output.Advance(line.Bytes + 6);
    }

    private bool HasNext()
    {
        if (next == ring.Next)
            TryTake();
        // Restored lines may be more than a window that has become smaller.
        return next < ring.Next && next - ring.First < (ulong)window && next <= kept && NextProcessKnows(next);
    }

    /// <summary>
    /// Whether a process that begins with what is kept now would read the line of this number: it reads so many. Else
    /// it would take what the peer has accepted for lines that were never sent, and begin a new epoch.
    /// </summary>
    private bool NextProcessKnows(ulong number) => !isKept || number - firstKept < SessionOffer.MaxWindow;

    /// <summary>Gives the next line its number, if the window has room for it.</summary>
    private bool TryTake()
    {
        if (ring.Count >= window || outbox.FirstExactlyOnce is not { } line)
            return false;
        if (isKept)
            Number(line);
        outbox.Remove(line);
        ring.Add(line);
        return true;
    }

    /// <summary>Records what must be kept before a line is sent with the next number.</summary>
    private void Number(OutLine line)
    {
        // So the records grow with the numbers: a line that was put back is older than the epoch that gives it a new
        // number.
        barrier = Math.Max(barrier, line.Record);
        if (saving?.Last is null && barrier <= saved)
            kept = ring.Next;
        else
            (saving ??= new()).Add(barrier, ring.Next);
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
