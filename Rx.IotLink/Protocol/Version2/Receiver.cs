using System.Buffers;

namespace Rx.IotLink.Protocol.Version2;

/// <summary>The receiving side: what has arrived, what of it is accepted, and what the peer must be told of both.</summary>
internal sealed class Receiver(IProtocolHost host, ISessionStore store)
{
    /// <summary>For each line that waits for the application: its number, or 0 (best effort, or of a memory of the peer's that is gone).</summary>
    private Queue<ulong> waiting = new();
    private bool repeated;

    public ulong? PeerEpoch { get; private set; }

    /// <summary>The number of the last accepted line.</summary>
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
            Accepted = Arrived = oldest - 1;
            store.Accept(epoch, Accepted);
            return null;
        }

        if (oldest <= Arrived + 1)
            return null;
        var lost = (Arrived + 1, oldest - 1);
        // The peer holds none of those before it, and wants to hear of none: what still waits is the application's alone.
        waiting = new(waiting.Select(_ => 0UL));
        AcknowledgementDue = false;
        Accepted = Arrived = oldest - 1;
        store.Accept(epoch, Accepted);
        return lost;
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
        // Kept before it counts: should that fail, the next that is kept covers this one too.
        store.Accept(PeerEpoch!.Value, number);
        Accepted = number;
        AcknowledgementDue = true;
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
}
