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

    public OutLine? Ordered => ordered.First?.Value;

    public OutLine? Concurrent => concurrent.First?.Value;

    public OutLine? BestEffort => bestEffort.First?.Value;

    public void Add(OutLine line) => line.Place = Lane(line).AddLast(line);

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
