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
    private readonly Dictionary<Origin, LinkedList<Place>> places = [];
    private readonly LinkedList<Place> withoutOrigin = [];
    private int count;

    /// <summary>How many are taken.</summary>
    public int Count => Volatile.Read(ref count);

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
            var ofOrigin = ListOf(origin);
            (given, limit) = origin is not null && ofOrigin.Count >= mostOfOrigin
                ? (ofOrigin.First!.Value, new OpeningLimit(mostOfOrigin, IsOfOrigin: true))
                : (count >= most ? Busiest().First!.Value : null, new OpeningLimit(most, IsOfOrigin: false));
            if (given is not null)
                Remove(given);
            // Removing may have dropped the list of its origin.
            ListOf(origin).AddLast(place.Node);
            count++;
        }

        given?.TurnAway(limit);
        return place;
    }

    private LinkedList<Place> ListOf(Origin? origin)
    {
        if (origin is not { } known)
            return withoutOrigin;
        if (!places.TryGetValue(known, out var list))
            places.Add(known, list = []);
        return list;
    }

    private LinkedList<Place> Busiest()
    {
        var busiest = withoutOrigin;
        foreach (var list in places.Values)
        {
            if (list.Count > busiest.Count)
                busiest = list;
        }

        return busiest;
    }

    /// <summary>Under the lock. False: it is gone already.</summary>
    private bool Remove(Place place)
    {
        if (place.Node.List is not { } list)
            return false;
        list.Remove(place.Node);
        count--;
        if (list.Count == 0 && place.Origin is { } origin)
            places.Remove(origin);
        return true;
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
                owner.Remove(this);
        }
    }
}

/// <summary>The limit that made an opening give way.</summary>
/// <param name="Most">Places.</param>
/// <param name="IsOfOrigin">Whether they are those of one origin.</param>
internal readonly record struct OpeningLimit(int Most, bool IsOfOrigin);
