using System.Buffers;

namespace Rx.IotLink.Protocol.Version2;

/// <summary>
/// The receiving side: what has arrived, what of it is accepted, and what the peer must be told of both. Of a few
/// earlier memories of the peer it goes on knowing that: on an open server a stranger may have come in between.
/// </summary>
internal sealed class Receiver(IProtocolHost host, bool isKept)
{
    /// <summary>Earlier memories that are remembered. Only such as have brought a line take a place.</summary>
    public const int MaxEarlier = 4;

    /// <summary>
    /// For each line that waits for the application: the memory that it is of and its number there; none for best
    /// effort.
    /// </summary>
    /// <remarks>Made with the first line: a link at rest holds none.</remarks>
    private Queue<(PeerMemory? Of, ulong Number)>? waiting;
    private bool repeated;

    // The one that is spoken with, or was last; and those before it, the latest last.
    private PeerMemory? peer;
    private List<PeerMemory>? earlier;

    /// <summary>
    /// Where the memory is kept: the accepted lines on their way there. Only what is kept is acknowledged.
    /// </summary>
    private readonly SavingNumbers? saving = isKept ? new() : null;

    public ulong? PeerEpoch => peer?.Epoch;

    /// <summary>The number of the last line that is accepted, and kept as such: the peer may forget it.</summary>
    public ulong Accepted => peer?.Accepted ?? 0;

    /// <summary>The number of the last line that has arrived.</summary>
    public ulong Arrived => peer?.Arrived ?? 0;

    /// <summary>Whether an acknowledgement is due.</summary>
    public bool AcknowledgementDue { get; private set; }

    /// <summary>Whether lines have arrived that wait for the application.</summary>
    public bool LinesWait => Arrived > Accepted;

    public void Restore(SessionMemory memory)
    {
        if (memory.PeerEpoch is { } epoch)
            peer = new(epoch, memory.Accepted) { HasLines = memory.Accepted > 0 };
    }

    /// <summary>
    /// This end's opening tells what is accepted by now; only what is accepted from here on is to be acknowledged.
    /// </summary>
    public void Offered() => AcknowledgementDue = repeated = false;

    /// <summary>
    /// A peer of this epoch is there. Whether it is an earlier one, whom another has followed: it is gone on with.
    /// </summary>
    public bool Recall(ulong epoch)
    {
        if (earlier is null || PeerEpoch == epoch || earlier.Find(e => e.Epoch == epoch) is not { } known)
            return false;
        earlier.Remove(known);
        SetAside();
        peer = known;
        KeepAgain();
        return true;
    }

    /// <summary>
    /// A connection opens with a peer of this epoch whose oldest line has this number. Gives the numbers of lines that
    /// were lost at the peer, if any.
    /// </summary>
    public (ulong First, ulong Last)? Open(ulong epoch, ulong oldest)
    {
        if (PeerEpoch != epoch)
        {
            SetAside();
            GoOnFrom(epoch, oldest);
            return null;
        }

        if (oldest <= Arrived + 1)
            return null;
        var lost = (Arrived + 1, oldest - 1);
        // The peer holds none of those before it, and wants to hear of none: what still waits is the application's
        // alone.
        GoOnFrom(epoch, oldest);
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
        if (isKept && peer is not null)
            host.Save(new(SessionRecordKind.Accept, Number: saving!.Last ?? Accepted, Epoch: peer.Epoch));
    }

    public void Take(ushort low, ReadOnlySpan<byte> line)
    {
        switch ((short)(low - (ushort)Arrived))
        {
            case 1:
                if (host.TryDeliver(line, Delivery.ExactlyOnce))
                    (waiting ??= new()).Enqueue((peer, peer!.Arrive()));
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
            (waiting ??= new()).Enqueue((null, 0));
    }

    public void Accept()
    {
        var (of, number) = waiting!.Dequeue();
        if (of is null)
            return;
        if (of != peer)
            // It must never be acknowledged under the numbers of the present memory.
            of.Accepted = number;
        else if (saving is null)
            Count(number);
        else
            saving.Add(host.Save(new(SessionRecordKind.Accept, Number: number, Epoch: of.Epoch)), number);
    }

    /// <summary>
    /// One acknowledgement for all that was accepted since the last; and, to a peer that repeats what waits here, that
    /// it has arrived.
    /// </summary>
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

    /// <summary>Another memory takes the place of this one, which may come back.</summary>
    private void SetAside()
    {
        if (peer is null)
            return;
        // The application has what is on its way to the store, and must not be given it again.
        peer.Accepted = saving?.Last ?? peer.Accepted;
        saving?.Clear();
        AcknowledgementDue = false;
        if (!peer.HasLines)
            return;
        earlier ??= [];
        if (earlier.Count == MaxEarlier)
            earlier.RemoveAt(0);
        earlier.Add(peer);
    }

    /// <summary>The peer has nothing before this line, now or ever.</summary>
    private void GoOnFrom(ulong epoch, ulong oldest)
    {
        saving?.Clear();
        AcknowledgementDue = false;
        peer = new(epoch, oldest - 1);
        KeepAgain();
    }

    private void Count(ulong number)
    {
        peer!.Accepted = number;
        AcknowledgementDue = true;
    }

    /// <summary>What is known of one memory of the peer.</summary>
    private sealed class PeerMemory(ulong epoch, ulong accepted)
    {
        public ulong Epoch { get; } = epoch;

        public ulong Accepted { get; set; } = accepted;

        public ulong Arrived { get; private set; } = accepted;

        /// <summary>Whether a line of it was taken that may come again.</summary>
        public bool HasLines { get; set; }

        public ulong Arrive()
        {
            HasLines = true;
            return ++Arrived;
        }
    }
}
