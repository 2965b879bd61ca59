namespace Rx.IotLink.Server;

/// <summary>
/// The slots of connections that have not finished their opening. If all are taken, the oldest connection is refused,
/// not the newcomer: an honest device needs one round trip for its opening, so the oldest is unusually slow. It is the
/// oldest of the origin with the most connections, so that no origin can lock out another.
/// </summary>
/// <param name="most">The number of slots.</param>
/// <param name="mostOfOrigin">The most slots of one origin.</param>
internal sealed class OpeningPlaces(int most, int mostOfOrigin)
{
    private readonly Lock gate = new();
    private readonly Crowd<Place> places = new();

    /// <summary>The number of taken slots.</summary>
    public int Count
    {
        get
        {
            lock (gate)
                return places.Count;
        }
    }

    /// <summary>Whether the next connection takes the slot of another.</summary>
    public bool IsFull => Count >= most;

    /// <summary>Takes a slot.</summary>
    /// <param name="origin">Where the connection comes from.</param>
    /// <param name="turnAway">
    /// Called, outside any lock and at most once, if another connection replaces it. It must not throw.
    /// </param>
    public Place Take(Origin? origin, Action<OpeningLimit> turnAway)
    {
        var place = new Place(this, origin, turnAway);
        Place? given;
        OpeningLimit limit;
        lock (gate)
        {
            (given, limit) = origin is not null && places.CountOf(origin) >= mostOfOrigin
                ? (places.OldestOf(origin), new OpeningLimit(mostOfOrigin, IsOfOrigin: true))
                : (places.Count >= most ? places.OldestOfBusiest() : null, new OpeningLimit(most, IsOfOrigin: false));
            if (given is not null)
                places.Remove(given.Origin, given.Node);
            places.Add(origin, place.Node);
        }

        given?.TurnAway(limit);
        return place;
    }

    /// <summary>One slot; disposing releases it.</summary>
    internal sealed class Place : IDisposable
    {
        private readonly OpeningPlaces owner;
        private readonly Action<OpeningLimit> turnAway;

        public Place(OpeningPlaces owner, Origin? origin, Action<OpeningLimit> turnAway)
        {
            (this.owner, Origin, this.turnAway) = (owner, origin, turnAway);
            Node = new(this);
        }

        public Origin? Origin { get; }

        public LinkedListNode<Place> Node { get; }

        public void TurnAway(OpeningLimit limit) => turnAway(limit);

        public void Dispose()
        {
            lock (owner.gate)
                owner.places.Remove(Origin, Node);
        }
    }
}

/// <summary>The limit because of which an opening was replaced.</summary>
/// <param name="Most">The number of slots.</param>
/// <param name="IsOfOrigin">Whether this is the limit for one origin.</param>
internal readonly record struct OpeningLimit(int Most, bool IsOfOrigin);
