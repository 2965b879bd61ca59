namespace Rx.IotLink.Testing;

/// <summary>
/// Checks one direction of a link: whether numbered lines arrived exactly once and in order. It knows only numbers and
/// three histories (written, accepted, received). It uses no code of the library, so that the two cannot share an
/// error. Several threads may call it, and its memory grows only with the lines in flight, and those that
/// were dropped.
/// </summary>
/// <param name="ordered">
/// Whether the order is promised. Default true; set false for concurrent writes of protocol 1.
/// </param>
public sealed class DeliveryChecker(bool ordered = true)
{
    private readonly Lock gate = new();

    // Lines that were written and not received; of these, lines that were lost with their writer's memory, which may
    // arrive or not; and lines that were received and not reported as accepted.
    private readonly HashSet<long> underWay = [];
    private readonly HashSet<long> orphans = [];
    private readonly HashSet<long> unaccepted = [];

    // Lines that were received and not accepted when their receiver lost its memory: they may come again.
    private readonly HashSet<long> mayComeAgain = [];
    // Lines whose writer learned that they do not arrive; and those that nobody may receive any more.
    private readonly HashSet<long> dropped = [];
    private readonly HashSet<long> overdue = [];
    private DeliveryVerdict soFar = new();
    private long highest = -1;
    private long next;

    // If a line below this number was received, its receiver has lost its memory since.
    private long forgotten;

    // The first line of the writer's process: earlier lines have no writer any more.
    private long firstOfProcess;

    /// <summary>The verdict so far. Lines in flight count as lost: read it at the end.</summary>
    public DeliveryVerdict Verdict
    {
        get
        {
            lock (gate)
                return soFar with { Lost = underWay.Count, Unanswered = Unanswered, GoneWithWriter = soFar.GoneWithWriter + orphans.Count };
        }
    }

    /// <summary>
    /// Lines of a writer that still lives which are not received yet, or whose write has not completed.
    /// </summary>
    public int Open
    {
        get
        {
            lock (gate)
                return underWay.Count + Unanswered;
        }
    }

    /// <summary>Gives the number of the next line, from 0, and records it as written.</summary>
    public long Write()
    {
        lock (gate)
        {
            soFar = soFar with { Written = soFar.Written + 1 };
            underWay.Add(next);
            return next++;
        }
    }

    /// <summary>Records that a line's write completed.</summary>
    public void Accepted(long number)
    {
        lock (gate)
        {
            soFar = soFar with { Accepted = soFar.Accepted + 1 };
            if (!unaccepted.Remove(number))
                soFar = soFar with { FalselyAccepted = soFar.FalselyAccepted + 1 };
        }
    }

    /// <summary>The writer learned that a line was dropped before it was sent.</summary>
    public void Dropped(long number)
    {
        lock (gate)
        {
            var waited = underWay.Remove(number);
            dropped.Add(number);
            soFar = soFar with { Dropped = soFar.Dropped + 1, FalselyDropped = soFar.FalselyDropped + (waited ? 0 : 1) };
        }
    }

    /// <summary>
    /// A line of an earlier process may be dropped, and nobody is left who could learn it: it may arrive or not. For a
    /// line that its writer's memory holds, after <see cref="WriterCrashed"/>.
    /// </summary>
    public void MayBeDropped(long number)
    {
        lock (gate)
        {
            if (underWay.Remove(number))
                orphans.Add(number);
        }
    }

    /// <summary>A line that was not sent in time must not arrive any more.</summary>
    public void MustNotArrive(long number)
    {
        lock (gate)
            overdue.Add(number);
    }

    /// <summary>Records that the receiver's application got a line.</summary>
    public void Received(long number)
    {
        lock (gate)
        {
            if (dropped.Contains(number))
            {
                soFar = soFar with { FalselyDropped = soFar.FalselyDropped + 1 };
                return;
            }

            if (overdue.Contains(number))
                soFar = soFar with { TooLate = soFar.TooLate + 1 };
            if (underWay.Remove(number) || orphans.Remove(number))
            {
                unaccepted.Add(number);
                soFar = soFar with { Received = soFar.Received + 1 };
            }
            else if (mayComeAgain.Remove(number))
            {
                soFar = soFar with { Redelivered = soFar.Redelivered + 1 };
            }
            else if (number < 0 || number >= next)
            {
                soFar = soFar with { Unknown = soFar.Unknown + 1 };
            }
            else
            {
                soFar = soFar with { Repeated = soFar.Repeated + 1 };
            }

            if (ordered && number < highest)
                soFar = soFar with { OutOfOrder = soFar.OutOfOrder + 1 };
            highest = Math.Max(highest, number);
        }
    }

    /// <summary>
    /// Records that the writer's process ended. Lines in its store must still arrive. The other lines were not reported
    /// as accepted, and may arrive or not. Lines that are still in the store although they were accepted are sent
    /// again; a receiver with its memory recognises them.
    /// </summary>
    /// <param name="kept">The numbers of the lines that its memory still holds.</param>
    /// <param name="mayRepeat">
    /// Whether the receiver cannot recognise a repeated line of the earlier process (protocol 1). Default false.
    /// </param>
    public void WriterCrashed(IEnumerable<long> kept, bool mayRepeat = false)
    {
        ArgumentNullException.ThrowIfNull(kept);
        lock (gate)
        {
            var remaining = kept.ToHashSet();
            orphans.UnionWith(underWay.Where(number => !remaining.Contains(number)));
            foreach (var received in remaining.Where(number => number < next && !underWay.Contains(number)))
            {
                unaccepted.Add(received);
                if (received < forgotten)
                    mayComeAgain.Add(received);
            }

            underWay.IntersectWith(remaining);
            firstOfProcess = next;
            if (!mayRepeat)
                return;
            mayComeAgain.UnionWith(remaining);
            highest = -1;
        }
    }

    /// <summary>
    /// Records that the receiver's process ended and lost its memory of accepted lines. Lines whose writes have not
    /// completed may come again, from the oldest on.
    /// </summary>
    public void ReceiverLostMemory()
    {
        lock (gate)
        {
            mayComeAgain.UnionWith(unaccepted);
            forgotten = next;
            highest = -1;
        }
    }

    private int Unanswered => unaccepted.Count(number => number >= firstOfProcess);
}
