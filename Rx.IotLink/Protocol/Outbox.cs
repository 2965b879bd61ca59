namespace Rx.IotLink.Protocol;

/// <summary>
/// The lines that were not sent yet, in three lanes, so that best effort never delays exactly once, nor an ordered line
/// that waits for its turn a concurrent one. The link bounds it.
/// </summary>
internal sealed class Outbox
{
    private readonly LinkedList<OutLine> ordered = new();
    private readonly LinkedList<OutLine> concurrent = new();
    private readonly LinkedList<OutLine> bestEffort = new();
    private ulong tickets;

    public OutLine? Ordered => ordered.First?.Value;

    public OutLine? Concurrent => concurrent.First?.Value;

    public OutLine? BestEffort => bestEffort.First?.Value;

    /// <summary>The exactly-once line that was written first, ordered or not.</summary>
    public OutLine? FirstExactlyOnce => (Ordered, Concurrent) switch
    {
        ({ } a, { } b) => a.Ticket < b.Ticket ? a : b,
        var (a, b) => a ?? b,
    };

    public void Add(OutLine line)
    {
        line.Ticket = ++tickets;
        line.Place = Lane(line).AddLast(line);
    }

    /// <summary>Puts lines back that a protocol had taken, before all others.</summary>
    public void PutBack(IEnumerable<OutLine> lines)
    {
        foreach (var line in lines.Reverse())
            line.Place = Lane(line).AddFirst(line);
    }

    /// <summary>Takes a line out. False: it is not here (any more).</summary>
    public bool Remove(OutLine line)
    {
        if (line.Place is not { } place)
            return false;
        Lane(line).Remove(place);
        line.Place = null;
        return true;
    }

    /// <summary>The oldest ordered line that may give way to a newer one, or null.</summary>
    public OutLine? OldestOrdered(Func<OutLine, bool> mayGo) => ordered.FirstOrDefault(mayGo);

    public IEnumerable<OutLine> All => ordered.Concat(concurrent).Concat(bestEffort);

    private LinkedList<OutLine> Lane(OutLine line) => line switch
    {
        { Delivery: Delivery.BestEffort } => bestEffort,
        { Ordering: Ordering.Concurrent } => concurrent,
        _ => ordered,
    };
}
