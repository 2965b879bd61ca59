using System.Buffers;

namespace Rx.IotLink.Protocol.Version2;

/// <summary>The receiving side: what has arrived, what of it is accepted, and what the peer must be told of both.</summary>
internal sealed class Receiver(IProtocolHost host, bool isKept)
{
    /// <summary>For each line that waits for the application: its number, or 0 (best effort, or of a memory of the peer's that is gone).</summary>
    private Queue<ulong> waiting = new();
    private bool repeated;

    /// <summary>
    /// Where the memory is kept: the accepted lines on their way there. Only what is kept is acknowledged.
    /// </summary>
    private readonly SavingNumbers? saving = isKept ? new() : null;

    public ulong? PeerEpoch { get; private set; }

    /// <summary>The number of the last line that is accepted, and kept as such: the peer may forget it.</summary>
    public ulong Accepted { get; private set; }

    /// <summary>The number of the last line that has arrived.</summary>
    public ulong Arrived { get; private set; }

    /// <summary>Whether an acknowledgement is due.</summary>
    public bool AcknowledgementDue { get; private set; }

    /// <summary>Whether lines have arrived that wait for the application.</summary>
    public bool LinesWait => Arrived > Accepted;

    public void Restore(SessionMemory memory)
    {
        PeerEpoch = memory.PeerEpoch;
        Accepted = Arrived = memory.Accepted;
    }

    /// <summary>This end's opening tells what is accepted by now; only what is accepted from here on is to be acknowledged.</summary>
    public void Offered() => AcknowledgementDue = repeated = false;

    /// <summary>A connection opens with a peer of this epoch whose oldest line has this number. Gives the numbers of lines that were lost at the peer, if any.</summary>
    public (ulong First, ulong Last)? Open(ulong epoch, ulong oldest)
    {
        if (PeerEpoch != epoch)
        {
            // Another memory, other numbers: what still waits must never be acknowledged under the new ones.
            waiting = new(waiting.Select(_ => 0UL));
            PeerEpoch = epoch;
            AcknowledgementDue = false;
            GoOnFrom(oldest);
            return null;
        }

        if (oldest <= Arrived + 1)
            return null;
        var lost = (Arrived + 1, oldest - 1);
        // The peer holds none of those before it, and wants to hear of none: what still waits is the application's alone.
        waiting = new(waiting.Select(_ => 0UL));
        AcknowledgementDue = false;
        GoOnFrom(oldest);
        return lost;
    }

    /// <summary>All records up to this one are kept, and what they accept may be acknowledged.</summary>
    public void Saved(long record)
    {
        if (saving?.TakeThrough(record) is { } number)
            Count(number);
    }

    /// <summary>A new memory begins at this end: what was accepted is kept in it too.</summary>
    public void KeepAgain()
    {
        if (isKept && PeerEpoch is { } epoch)
            host.Save(new(SessionRecordKind.Accept, Number: saving!.Last ?? Accepted, Epoch: epoch));
    }

    public void Take(ushort low, ReadOnlySpan<byte> line)
    {
        switch ((short)(low - (ushort)Arrived))
        {
            case 1:
                if (host.TryDeliver(line, Delivery.ExactlyOnce))
                    waiting.Enqueue(++Arrived);
                return;
            case <= 0:
                host.DuplicateReceived();
                repeated = true;
                AcknowledgementDue = true;
                return;
            default:
                // A gap: what is missing is asked for by saying at once where we are.
                repeated = true;
                AcknowledgementDue = true;
                return;
        }
    }

    public void TakeBestEffort(ReadOnlySpan<byte> line)
    {
        if (host.TryDeliver(line, Delivery.BestEffort))
            waiting.Enqueue(0);
    }

    public void Accept()
    {
        var number = waiting.Dequeue();
        if (number == 0)
            return;
        if (saving is null)
            Count(number);
        else
            saving.Add(host.Save(new(SessionRecordKind.Accept, Number: number, Epoch: PeerEpoch!.Value)), number);
    }

    /// <summary>One acknowledgement for all that was accepted since the last; and, to a peer that repeats what waits here, that it has arrived.</summary>
    public void Acknowledge(IBufferWriter<byte> output)
    {
        if (!AcknowledgementDue)
            return;
        Sender.WriteMark(output, '=', Accepted);
        if (repeated && LinesWait)
            SayArrived(output);
        AcknowledgementDue = repeated = false;
    }

    public void SayArrived(IBufferWriter<byte> output) => Sender.WriteMark(output, '~', Arrived);

    /// <summary>The peer has nothing before this line, now or ever.</summary>
    private void GoOnFrom(ulong oldest)
    {
        saving?.Clear();
        Accepted = Arrived = oldest - 1;
        KeepAgain();
    }

    private void Count(ulong number)
    {
        Accepted = number;
        AcknowledgementDue = true;
    }
}
