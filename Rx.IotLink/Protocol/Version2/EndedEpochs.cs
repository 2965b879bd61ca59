namespace Rx.IotLink.Protocol.Version2;

/// <summary>
/// The numbers that lines had under a few ended epochs of this end, the oldest of which goes first. Another peer than
/// the one that had the lines may have ended the epoch; when that one comes back, and names it, what it had accepted is
/// done with.
/// </summary>
internal sealed class EndedEpochs
{
    /// <summary>Epochs that are remembered.</summary>
    public const int Most = 4;

    private readonly List<(ulong Epoch, ulong First, ulong[] Tickets)> ended = [];

    /// <summary>An epoch ends that holds these lines, numbered one after the other.</summary>
    public void Add(ulong epoch, ulong first, IEnumerable<OutLine> lines)
    {
        // Not the lines themselves: one that is done with may be used again for another.
        ulong[] tickets = [.. lines.Select(l => l.Ticket)];
        if (tickets.Length == 0)
            return;
        if (ended.Count == Most)
            ended.RemoveAt(0);
        ended.Add((epoch, first, tickets));
    }

    /// <summary>The tickets of the lines that had the numbers up to this one under an epoch.</summary>
    public IReadOnlySet<ulong> Through(ulong epoch, ulong number)
    {
        var of = ended.Find(e => e.Epoch == epoch && e.Tickets is not null);
        return of.Tickets is null ? new HashSet<ulong>() : of.Tickets.Where((_, at) => of.First + (ulong)at <= number).ToHashSet();
    }
}
