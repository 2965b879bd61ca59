using System.Net;

namespace Rx.IotLink.Server;

/// <summary>Strangers: which of them is forgotten or disconnected, and when.</summary>
internal sealed partial class DeviceRegistry
{
    private readonly UnknownIds unknown;

    // The forgotten ids whose last records are still being kept.
    private readonly HashSet<string> ending = new(StringComparer.Ordinal);
    private long forgotten;

    /// <summary>The number of unknown ids, and of forgotten ones.</summary>
    public (int Known, long Forgotten) UnknownIds
    {
        get
        {
            lock (gate)
                return (unknown.Count, forgotten);
        }
    }

    /// <summary>Whether the id is expected.</summary>
    public bool IsExpected(string id) => expected.Contains(id);

    /// <summary>An admitted connection has ended, or was not served.</summary>
    public void Leave(Member member)
    {
        lock (gate)
        {
            if (--member.Connections == 0 && member.Stranger is { } stranger)
                unknown.Disconnected(stranger);
        }
    }

    /// <summary>
    /// Makes room for a connection, if there is none. Gives the link whose connection must end for it
    /// (<see cref="Link.TurnAway"/>); null if none must.
    /// </summary>
    /// <param name="member">The device of the connection, which was admitted.</param>
    /// <param name="isFull">Whether there is no room.</param>
    /// <param name="remote">Where it comes from.</param>
    /// <exception cref="RefusedException">No other connection may end for it.</exception>
    public Link? MakeRoom(Member member, bool isFull, EndPoint? remote)
    {
        var origin = Origin.Of(remote);
        lock (gate)
        {
            // It is counted already.
            if (member.Stranger is not null && options.MaxConnectionsPerAddress is { } most && origin is not null && unknown.ConnectionsOf(origin) > most)
                throw new RefusedException(Refusal.TooManyConnections, $"{most} connections of unknown devices are there already from {origin}");
            if (!isFull)
                return null;
            if (unknown.WhoGivesWay(origin, member.Stranger) is not { } givesWay)
                throw new RefusedException(Refusal.TooManyConnections, "as many connections are there already as there may be");
            unknown.Disconnected(givesWay);
            return givesWay.Link;
        }
    }

    /// <summary>
    /// Makes room for one more unknown id; gives the id to forget for it, if any. Under the lock.
    /// </summary>
    private UnknownId? MakePlace(Origin? origin)
    {
        if (options.UnknownIds == UnknownIdPolicy.Refuse)
            throw NotExpected();
        if (!unknown.HasPlace(origin, out var givesWay, out var limit))
            throw new RefusedException(Refusal.TooManyUnknownIds, limit);
        if (givesWay is not null)
            unknown.Remove(givesWay);
        return givesWay;
    }

    private static RefusedException NotExpected() => new(Refusal.UnknownId, "the id is not expected");

    /// <summary>Forgets an unknown id, with its link and its memory. From now on its link is not found open.</summary>
    private void Forget(Link link)
    {
        link.Forget();
        lock (gate)
        {
            members.Remove(link.Id);
            telemetry.Leave(link, gone);
            links.Forget(link);
            feed.Remove(link);
            forgotten++;
            changes.Post(new LinkChange(LinkChangeKind.Forgotten, link.Id, link, link.RemoteEndPoint, link.Current.Outage!.Detail));
            if (!link.Kept.IsCompleted)
                ending.Add(link.Id);
        }

        _ = EndedAsync(link);
        feed.Publish();
        changes.Publish();
    }

    private async Task EndedAsync(Link link)
    {
        await link.Kept.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (gate)
            ending.Remove(link.Id);
    }

    /// <summary>
    /// A connection of the device begins. If it has proved itself, it is no longer a stranger. Under the lock.
    /// </summary>
    private void Enter(Member member, bool proven)
    {
        member.Connections++;
        if (member.Stranger is not { } stranger)
            return;
        if (proven)
        {
            unknown.Remove(stranger);
            member.Stranger = null;
        }
        else
        {
            unknown.Connected(stranger);
        }
    }
}
