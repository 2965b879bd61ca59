namespace Rx.IotLink.Protocol.Version1;

/// <summary>
/// The lines that were sent and are not complete, and the limits of their number: a micropython-iot device must be able
/// to hold a burst of them, and no id may come near its own next use.
/// </summary>
internal sealed class SentLines(TimeSpan timeout)
{
    /// <summary>A micropython-iot client holds 20 lines, and drops the 21st after acknowledging it.</summary>
    public const int BurstLines = 16;

    /// <summary>
    /// A micropython-iot server reads at most 4,096 bytes at a time, and mistakes a line whose LF is read apart. Half
    /// of them is for exactly-once lines; a line that needs more is sent alone.
    /// </summary>
    public const int BurstBytes = 2_048;

    /// <summary>The room that is left for a best-effort line beside them; a longer one is sent alone too.</summary>
    public const int BestEffortBytes = 1_900;

    /// <summary>The peer's filter forgets an id 121 ids later; kept well below.</summary>
    public const int MaxSpan = 64;

    private readonly List<Sent> lines = [];
    private byte next;
    private long sends;
    private bool firstAcknowledged;

    public IReadOnlyList<Sent> All => lines;

    /// <summary>
    /// When the next line must be repeated, or dropped (best effort). Null: there is none, or none is sent yet.
    /// </summary>
    public TimeSpan? Deadline
    {
        get
        {
            TimeSpan? first = null;
            foreach (var line in lines)
            {
                if (DueAt(line) is { } due && !(due >= first))
                    first = due;
            }

            return first;
        }
    }

    /// <summary>Whether a line may be sent now.</summary>
    public bool HasRoomFor(OutLine line)
    {
        if (lines.Count == 0)
            return true;
        // Until the first line of this process has arrived, the peer's filter is that of an earlier process: no line
        // may overtake 00.
        if (!firstAcknowledged || GoesAlone(line) || lines.Exists(l => GoesAlone(l.Line)))
            return false;
        if (lines.Find(l => !l.IsSentOnce) is { } oldest && Mid.Distance(oldest.Mid, next) >= MaxSpan)
            return false;
        if (line.Delivery == Delivery.BestEffort)
            return !lines.Exists(l => l.Line.Delivery == Delivery.BestEffort);
        // Counted without best effort, which has its own slot and bytes, so that neither kind delays the other.
        var exactlyOnce = lines.FindAll(l => l.Line.Delivery == Delivery.ExactlyOnce);
        if (line.Ordering == Ordering.Ordered && exactlyOnce.Exists(l => l.Line.Ordering == Ordering.Ordered))
            return false;
        return exactlyOnce.Count < BurstLines - 1 && exactlyOnce.Sum(l => l.Line.Bytes) + line.Bytes <= BurstBytes;
    }

    public Sent Add(OutLine line)
    {
        // An acknowledgement this late will not come. The wait ends, so that it is not confused with that of the id's
        // next use.
        lines.RemoveAll(l => l.IsSentOnce && Mid.Distance(l.Mid, next) >= MaxSpan);
        var sent = new Sent(line, next);
        next = Mid.After(next);
        lines.Add(sent);
        return sent;
    }

    /// <summary>A line is about to be sent, for the first time or again.</summary>
    public void Saying(Sent line) => (line.Place, line.IsHanded, line.IsTaken) = (++sends, false, false);

    /// <summary>The output so far is being given to the connection.</summary>
    public void Handed() => lines.ForEach(l => l.IsHanded = true);

    /// <summary>The connection has taken its piece: the time for its lines begins now.</summary>
    public void Taken(TimeSpan now)
    {
        foreach (var line in lines)
        {
            if (line.IsHanded && !line.IsTaken)
                (line.IsTaken, line.Since) = (true, now);
        }
    }

    /// <summary>Removes the line of an acknowledgement, if there is one.</summary>
    public Sent? Acknowledge(byte mid, TimeSpan now)
    {
        var at = lines.FindIndex(l => l.Mid == mid);
        if (at < 0)
            return null;
        var sent = lines[at];
        lines.RemoveAt(at);
        firstAcknowledged = true;
        // Later lines could not arrive before it. Earlier lines are lost, or found no room.
        foreach (var later in lines.Where(l => l.Place > sent.Place))
            later.Since = now;
        return sent;
    }

    /// <summary>The lines that must be repeated now.</summary>
    public IReadOnlyList<Sent> DueBy(TimeSpan now) => lines.FindAll(l => DueAt(l) <= now);

    /// <summary>Drops the best-effort lines that were not acknowledged in time.</summary>
    public void GiveUpBestEffort(TimeSpan dueBy) => lines.RemoveAll(l => l.IsSentOnce && DueAt(l) <= dueBy);

    /// <summary>Drops all best-effort lines: their connection has ended.</summary>
    public void GiveUpBestEffort() => lines.RemoveAll(l => l.IsSentOnce);

    private TimeSpan? DueAt(Sent line) => line.IsTaken ? line.Since + Repetition.Patience(timeout, line.Line) : null;

    private static bool GoesAlone(OutLine line) => line.Bytes > (line.Delivery == Delivery.BestEffort ? BestEffortBytes : BurstBytes);

    /// <summary>A line that was sent.</summary>
    internal sealed class Sent(OutLine line, byte mid)
    {
        public OutLine Line { get; } = line;

        public byte Mid { get; } = mid;

        /// <summary>Its place among all sends.</summary>
        public long Place { get; set; }

        /// <summary>Whether it was given to the connection.</summary>
        public bool IsHanded { get; set; }

        /// <summary>Whether the connection has taken it.</summary>
        public bool IsTaken { get; set; }

        /// <summary>When it was taken, or, if that is later, when a line before it was acknowledged.</summary>
        public TimeSpan Since { get; set; }

        /// <summary>
        /// Best effort is not repeated; but the first line of a process clears the peer's filter, so it is repeated
        /// with any delivery. If it were lost, the peer would take the next lines for repetitions of an earlier
        /// process.
        /// </summary>
        public bool IsSentOnce => Line.Delivery == Delivery.BestEffort && Mid != 0;
    }
}
