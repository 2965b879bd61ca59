namespace Rx.IotLink.Server;

/// <summary>
/// The ids of strangers: devices that are neither expected nor have ever proved themselves. If there is no room for
/// another, one is forgotten: the one that is not connected and was up for the shortest time, so that invented ids are
/// forgotten first. If all are connected, the origin with the most loses one to an origin with fewer, so that no
/// address can lock out another. Not safe for several threads.
/// </summary>
/// <param name="most">Ids in all.</param>
/// <param name="mostOfOrigin">The most ids of one origin; null: no separate limit.</param>
internal sealed class UnknownIds(int most, int? mostOfOrigin)
{
    private static readonly Comparer<UnknownId> ShortestUpFirst = Comparer<UnknownId>.Create(
        static (a, b) => a.UpFor != b.UpFor ? a.UpFor.CompareTo(b.UpFor) : a.Number.CompareTo(b.Number));

    private readonly SortedSet<UnknownId> idle = new(ShortestUpFirst);
    private readonly Crowd<UnknownId> connected = new();
    private readonly Dictionary<Origin, OfOrigin> origins = [];
    private int beingMade;
    private long last;

    /// <summary>The number of ids, with those that are being made.</summary>
    public int Count => idle.Count + connected.Count + beingMade;

    /// <summary>
    /// Whether there is room for one more from this origin; and the id that must be forgotten for it, if any.
    /// </summary>
    public bool HasPlace(Origin? origin, out UnknownId? givesWay, out string limit)
    {
        givesWay = null;
        limit = "";
        if (mostOfOrigin is { } ofOrigin && origin is { } known && origins.TryGetValue(known, out var others) && others.Count >= ofOrigin)
        {
            givesWay = others.Idle.Min;
            limit = $"{ofOrigin} unknown ids from {known} are known already, and all are connected";
        }
        else if (Count >= most)
        {
            givesWay = idle.Min ?? (connected.Most > connected.CountOf(origin) + 1 ? connected.NewestOfBusiest() : null);
            limit = $"{Count} unknown ids are known already, the limit is {most}";
        }
        else
        {
            return true;
        }

        return givesWay is not null;
    }

    /// <summary>The stranger whose connection must end to make room for another. Null: none.</summary>
    /// <param name="origin">Where it comes from.</param>
    /// <param name="stranger">
    /// The stranger of the new connection, if it is one, which counts as connected already: then only an origin with
    /// more connections loses one.
    /// </param>
    public UnknownId? WhoGivesWay(Origin? origin, UnknownId? stranger) =>
        connected.Count > 0 && (stranger is null || connected.Most > connected.CountOf(origin)) ? connected.NewestOfBusiest() : null;

    /// <summary>Connections of strangers from an origin.</summary>
    public int ConnectionsOf(Origin? origin) => connected.CountOf(origin);

    /// <summary>Adds one, which counts as connected.</summary>
    public UnknownId Add(Link link, Origin? origin)
    {
        var made = new UnknownId(link, origin, ++last);
        connected.Add(origin, made.Node);
        if (OriginOf(made) is { } of)
            of.Count++;
        return made;
    }

    /// <summary>Reserves room before there is a link, while its store is opened.</summary>
    public void Reserve() => beingMade++;

    /// <summary>Ends the reservation; perhaps <see cref="Add"/> follows.</summary>
    public void EndReservation() => beingMade--;

    public void Connected(UnknownId id)
    {
        if (id.Node.List is not null)
            return;
        RemoveIdle(id);
        connected.Add(id.Origin, id.Node);
    }

    public void Disconnected(UnknownId id)
    {
        if (!connected.Remove(id.Origin, id.Node))
            return;
        id.UpFor = id.Link.Presence.Up;
        idle.Add(id);
        OriginOf(id)?.Idle.Add(id);
    }

    /// <summary>It is forgotten, or is no longer a stranger.</summary>
    public void Remove(UnknownId id)
    {
        if (!connected.Remove(id.Origin, id.Node))
            RemoveIdle(id);
        if (OriginOf(id) is { } of && --of.Count == 0)
            origins.Remove(id.Origin!.Value);
    }

    private void RemoveIdle(UnknownId id)
    {
        idle.Remove(id);
        OriginOf(id)?.Idle.Remove(id);
    }

    /// <summary>Only kept if there is a limit.</summary>
    private OfOrigin? OriginOf(UnknownId id)
    {
        if (mostOfOrigin is null || id.Origin is not { } origin)
            return null;
        if (!origins.TryGetValue(origin, out var of))
            origins.Add(origin, of = new());
        return of;
    }

    private sealed class OfOrigin
    {
        public int Count { get; set; }

        public SortedSet<UnknownId> Idle { get; } = new(ShortestUpFirst);
    }
}

/// <summary>The id of a stranger.</summary>
internal sealed class UnknownId
{
    public UnknownId(Link link, Origin? origin, long number)
    {
        (Link, Origin, Number) = (link, origin, number);
        Node = new(this);
    }

    public Link Link { get; }

    /// <summary>The origin of its first connection.</summary>
    public Origin? Origin { get; }

    /// <summary>The order in which they were made.</summary>
    public long Number { get; }

    /// <summary>Its place among the connected ones.</summary>
    public LinkedListNode<UnknownId> Node { get; }

    /// <summary>
    /// How long it was up in all when it was last connected. It does not change while it is not connected.
    /// </summary>
    public TimeSpan UpFor { get; set; }
}
