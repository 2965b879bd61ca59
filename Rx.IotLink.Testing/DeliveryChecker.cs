namespace Rx.IotLink.Testing;

/// <summary>
/// Judges one direction of a link: whether numbered lines arrived exactly once and in order. It knows nothing but
/// numbers and three histories (written, accepted, received), and uses none of the library it judges, so that the two
/// cannot share an error. It may be told from several threads, and needs no more memory than lines are under way.
/// </summary>
/// <param name="ordered">
/// Whether the order is promised. Default true; not so for concurrent writes of protocol 1.
/// </param>
public sealed class DeliveryChecker(bool ordered = true)
{
    private readonly Lock gate = new();

    // Written and not received; of those the ones that died with their writer's memory, which may arrive or not;
    // received and not known to be accepted.
    private readonly HashSet<long> underWay = [];
    private readonly HashSet<long> orphans = [];
    private readonly HashSet<long> unaccepted = [];

    // Received and not accepted when their receiver lost its memory: they may come again.
    private readonly HashSet<long> mayComeAgain = [];
    private DeliveryVerdict soFar = new();
    private long highest = -1;
    private long next;

    // Lines below this number were received, if they were, by a receiver that has lost its memory since.
    private long forgotten;

    // The first line of the writer's process: nobody is left to be told of those before.
    private long firstOfProcess;

    /// <summary>What it comes to so far. Lines under way count as lost: ask at the end.</summary>
    public DeliveryVerdict Verdict
    {
        get
        {
            lock (gate)
                return soFar with { Lost = underWay.Count, Unanswered = Unanswered, GoneWithWriter = soFar.GoneWithWriter + orphans.Count };
        }
    }

    /// <summary>
    /// Lines that were written and not received yet, or received and their writer not told, while their writer lives.
    /// </summary>
    public int Open
    {
        get
        {
            lock (gate)
                return underWay.Count + Unanswered;
        }
    }

    /// <summary>A number for the next line, from 0, noted as written.</summary>
    public long Write()
    {
        lock (gate)
        {
            soFar = soFar with { Written = soFar.Written + 1 };
            underWay.Add(next);
            return next++;
        }
    }

    /// <summary>The writer was told that a line was accepted.</summary>
    public void Accepted(long number)
    {
        lock (gate)
        {
            soFar = soFar with { Accepted = soFar.Accepted + 1 };
            if (!unaccepted.Remove(number))
                soFar = soFar with { FalselyAccepted = soFar.FalselyAccepted + 1 };
        }
    }

    /// <summary>The receiver's application was given a line.</summary>
    public void Received(long number)
    {
        lock (gate)
        {
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
    /// The writer's process ended. What it had kept outside itself must still arrive; of the rest nobody was told that
    /// it was accepted, and nobody knows whether it arrives. What it had kept and did not strike out, though it was
    /// accepted, is sent again; a receiver with its memory knows it.
    /// </summary>
    /// <param name="kept">The numbers of the lines that its memory still holds.</param>
    /// <param name="mayRepeat">
    /// Whether the receiver cannot know a line of the earlier process when it comes again (protocol 1). Default false.
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
    /// The receiver's process ended, and with it the memory of what it had accepted: lines whose writer does not know
    /// may come again, from the oldest on.
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
