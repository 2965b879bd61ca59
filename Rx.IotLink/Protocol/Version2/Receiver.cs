using System.Buffers;

namespace Rx.IotLink.Protocol.Version2;

/// <summary>
/// The receiving side: which lines have arrived, which are accepted, and what it must report to the peer. It remembers
/// this for the last few memories of the peer, since on an open server a stranger may have come in between.
/// </summary>
internal sealed class Receiver(IProtocolHost host, bool isKept, int window)
{
    /// <summary>The number of earlier memories. Only memories that sent a line count.</summary>
    public const int MaxEarlier = 4;

    /// <summary>
    /// For each line that waits for the application: its memory and its number there; none for best effort.
    /// </summary>
    private WaitingLines<(PeerMemory? Of, ulong Number)> waiting;
    private bool repeated;

    // The current memory of the peer, or the last one; and those before it, the latest last.
    private PeerMemory? peer;
    private List<PeerMemory>? earlier;

    /// <summary>
    /// With a store: the accepted lines that are not kept yet. Only kept acceptances are acknowledged.
    /// </summary>
    private SavingNumbers? saving;

    public ulong? PeerEpoch => peer?.Epoch;

    /// <summary>
    /// The number of the last line that is accepted, and whose acceptance is kept: the peer may forget it.
    /// </summary>
    public ulong Accepted => peer?.Accepted ?? 0;

    /// <summary>The number of the last line that has arrived.</summary>
    public ulong Arrived => peer?.Arrived ?? 0;

    /// <summary>Whether an acknowledgement is due.</summary>
    public bool AcknowledgementDue { get; private set; }

    /// <summary>Whether lines have arrived that wait for the application.</summary>
    public bool LinesWait => Arrived > Accepted;

    /// <summary>How many lines wait for the application.</summary>
    public int Waiting => waiting.Count;

    public void Restore(SessionMemory memory)
    {
        if (memory.PeerEpoch is { } epoch)
            peer = new(epoch, memory.Accepted) { HasLines = memory.Accepted > 0 };
    }

    /// <summary>
    /// This end's opening has reported all acceptances so far; only later ones must be acknowledged.
    /// </summary>
    public void Offered() => AcknowledgementDue = repeated = false;

    /// <summary>
    /// A peer with this epoch has come. Gives whether it is an earlier memory, which then becomes the current one.
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
        // The peer has no lines before this one, and needs no acknowledgement for them: waiting lines only go to the
        // application.
        GoOnFrom(epoch, oldest);
        return lost;
    }

    /// <summary>All records up to this one are kept, and their acceptances may be acknowledged.</summary>
    public void Saved(long record)
    {
        if (saving?.TakeThrough(record) is { } number)
            Count(number);
    }

    /// <summary>A new memory begins at this end: the acceptances are kept in it too.</summary>
    public void KeepAgain()
    {
        if (isKept && peer is not null)
            host.Save(new(SessionRecordKind.Accept, Number: saving?.Last ?? Accepted, Epoch: peer.Epoch));
    }

    public void Take(ushort low, ReadOnlySpan<byte> line)
    {
        switch ((short)(low - (ushort)Arrived))
        {
            case 1:
                if (host.TryDeliver(line, Delivery.ExactlyOnce, new(peer!.Epoch, peer.Arrived + 1), out var delivered))
                    waiting.Add(delivered, (peer, peer.Arrive()));
                return;
            case var ahead:
                TakeOutOfTurn(ahead);
                return;
        }
    }

    /// <summary>The peer has given up the line of this number: it counts, and nothing is delivered.</summary>
    public void TakeGivenUp(ushort low)
    {
        var ahead = (short)(low - (ushort)Arrived);
        if (ahead != 1)
            TakeOutOfTurn(ahead);
        else if (Arrived - Accepted >= (ulong)window)
            // Lines have the inbox for a bound, and these have none.
            host.Withheld();
        else if ((saving?.Last ?? Accepted) == Arrived)
            Accept(peer, peer!.Arrive());
        else
            peer!.GiveUp();
    }

    public void TakeBestEffort(ReadOnlySpan<byte> line)
    {
        if (host.TryDeliver(line, Delivery.BestEffort, default, out var delivered))
            waiting.Add(delivered, (null, 0));
    }

    /// <summary>The application has handled all lines up to this one, by the numbers that the host gave.</summary>
    public void Accept(long through)
    {
        while (waiting.TryTakeThrough(through, out var line))
            Accept(line.Of, line.Number);
    }

    /// <summary>
    /// Writes one acknowledgement for all lines accepted since the last one; and, if the peer repeats lines that wait
    /// here, that they have arrived.
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

    private void TakeOutOfTurn(short ahead)
    {
        if (ahead <= 0)
            host.DuplicateReceived();
        // At a gap too: an acknowledgement at once asks for the missing lines.
        repeated = AcknowledgementDue = true;
    }

    private void Accept(PeerMemory? of, ulong number)
    {
        if (of is null)
            return;
        number = of.PastGivenUp(number);
        if (of != peer)
            // It must never be acknowledged with the numbers of the current memory.
            of.Accepted = number;
        else if (!isKept)
            Count(number);
        else
            (saving ??= new()).Add(host.Save(new(SessionRecordKind.Accept, Number: number, Epoch: of.Epoch)), number);
    }

    /// <summary>Another memory replaces this one, which may come back.</summary>
    private void SetAside()
    {
        if (peer is null)
            return;
        // The application has the lines whose records are on their way to the store, and must not get them again.
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

    /// <summary>The peer has no lines before this one, and will send none.</summary>
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

        // Numbers that have arrived without a line, behind a line that waits.
        private Queue<ulong>? givenUp;

        /// <summary>Whether a line of it was taken, which may come again.</summary>
        public bool HasLines { get; set; }

        public ulong Arrive()
        {
            HasLines = true;
            return ++Arrived;
        }

        /// <summary>The next number arrives, and has no line.</summary>
        public void GiveUp() => (givenUp ??= new()).Enqueue(Arrive());

        /// <summary>The last number that is accepted with the line of this one.</summary>
        public ulong PastGivenUp(ulong number)
        {
            while (givenUp is not null && givenUp.TryPeek(out var next) && next <= number + 1)
                number = Math.Max(number, givenUp.Dequeue());
            return number;
        }
    }
}
