namespace Rx.IotLink.Server;

/// <summary>
/// The ids of strangers: devices that are neither expected nor have ever proved themselves. Where there is no place for
/// another, one is forgotten: the one that is not connected and was up for the shortest time, so that ids that are made
/// up give way first. Where all are connected, the origin that has the most gives way to one that has fewer, so that no
/// address locks another out. Not safe for several threads.
/// </summary>
/// <param name="most">Ids in all.</param>
/// <param name="mostOfOrigin">Ids that one origin has made; null: no limit of its own.</param>
internal sealed class UnknownIds(int most, int? mostOfOrigin)
{
    private static readonly Comparer<UnknownId> ShortestUpFirst = Comparer<UnknownId>.Create(
        static (a, b) => a.UpFor != b.UpFor ? a.UpFor.CompareTo(b.UpFor) : a.Number.CompareTo(b.Number));

    private readonly SortedSet<UnknownId> idle = new(ShortestUpFirst);
    private readonly Crowd<UnknownId> connected = new();
    private readonly Dictionary<Origin, OfOrigin> origins = [];
    private int beingMade;
    private long last;

    /// <summary>How many there are, those that are being made included.</summary>
    public int Count => idle.Count + connected.Count + beingMade;

    /// <summary>
    /// Whether there is a place for one more from this origin; who gives way for it, if somebody must.
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

    /// <summary>Who gives way to a connection for which there is no room. Null: nobody.</summary>
    /// <param name="origin">Where it comes from.</param>
    /// <param name="stranger">
    /// Whose it is, if it is a stranger's itself, and is among the connected ones already: then only an origin that has
    /// more gives way.
    /// </param>
    public UnknownId? WhoGivesWay(Origin? origin, UnknownId? stranger) =>
        connected.Count > 0 && (stranger is null || connected.Most > connected.CountOf(origin)) ? connected.NewestOfBusiest() : null;

    /// <summary>Connections of strangers from an origin.</summary>
    public int ConnectionsOf(Origin? origin) => connected.CountOf(origin);

    /// <summary>One is made, and is connected until it is said otherwise.</summary>
    public UnknownId Add(Link link, Origin? origin)
    {
        var made = new UnknownId(link, origin, ++last);
        connected.Add(origin, made.Node);
        if (OriginOf(made) is { } of)
            of.Count++;
        return made;
    }

    /// <summary>One takes a place before there is a link, while its store is opened.</summary>
    public void Reserve() => beingMade++;

    /// <summary>The place is given back, or is about to be taken by <see cref="Add"/>.</summary>
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

    /// <summary>It is forgotten, or is no stranger any more.</summary>
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

    /// <summary>Only kept where it is limited.</summary>
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

    /// <summary>Where its first connection came from.</summary>
    public Origin? Origin { get; }

    /// <summary>The order in which they were made.</summary>
    public long Number { get; }

    /// <summary>Its place among the connected ones.</summary>
    public LinkedListNode<UnknownId> Node { get; }

    /// <summary>
    /// How long it was up in all, when it was last connected. Not changed while it is among the others.
    /// </summary>
    public TimeSpan UpFor { get; set; }
}
