namespace Rx.IotLink.Protocol.Version2;

/// <summary>
/// The numbers that lines had under the last ended epochs of this end; the oldest epoch is forgotten first. Another
/// peer may have ended the epoch. When the peer that had the lines comes back and names the epoch, the lines that it
/// had accepted are complete.
/// </summary>
internal sealed class EndedEpochs
{
    /// <summary>The number of remembered epochs.</summary>
    public const int Most = 4;

    private readonly List<(ulong Epoch, ulong First, ulong[] Tickets)> ended = [];

    /// <summary>Adds an ended epoch with these lines, numbered one after the other.</summary>
    public void Add(ulong epoch, ulong first, IEnumerable<OutLine> lines)
    {
        // Not the lines themselves: a complete line object may be reused for another line.
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
