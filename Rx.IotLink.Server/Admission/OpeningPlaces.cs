namespace Rx.IotLink.Server;

/// <summary>
/// The places of connections that have not said who they are. A full house turns away the oldest of them, not the
/// newcomer: an honest device needs a round trip for its opening, so the
/// oldest is the one that dawdles. It is taken from the origin that holds the most, so that nobody locks another out.
/// </summary>
/// <param name="most">Places in all.</param>
/// <param name="mostOfOrigin">Places of one origin.</param>
internal sealed class OpeningPlaces(int most, int mostOfOrigin)
{
    private readonly Lock gate = new();
    private readonly Crowd<Place> places = new();

    /// <summary>How many are taken.</summary>
    public int Count
    {
        get
        {
            lock (gate)
                return places.Count;
        }
    }

    /// <summary>Takes a place.</summary>
    /// <param name="origin">Where the connection comes from.</param>
    /// <param name="turnAway">Called, outside of any lock and at most once, if the place is given to another. It must
    /// not throw.</param>
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

    /// <summary>One place; given back when it is disposed.</summary>
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

/// <summary>The limit that made an opening give way.</summary>
/// <param name="Most">Places.</param>
/// <param name="IsOfOrigin">Whether they are those of one origin.</param>
internal readonly record struct OpeningLimit(int Most, bool IsOfOrigin);
