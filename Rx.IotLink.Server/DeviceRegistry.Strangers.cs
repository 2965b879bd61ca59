using System.Net;

namespace Rx.IotLink.Server;

/// <summary>Strangers: who of them gives way, and when.</summary>
internal sealed partial class DeviceRegistry
{
    private readonly UnknownIds unknown;

    // The ids that were forgotten, while what is left of their memory is still being kept.
    private readonly HashSet<string> ending = new(StringComparer.Ordinal);
    private long forgotten;

    /// <summary>How many unknown ids there are, and how many were forgotten.</summary>
    public (int Known, long Forgotten) UnknownIds
    {
        get
        {
            lock (gate)
                return (unknown.Count, forgotten);
        }
    }

    /// <summary>Whether the id is one of those that are expected.</summary>
    public bool IsExpected(string id) => expected.Contains(id);

    /// <summary>A connection that was admitted has ended, or was not served after all.</summary>
    public void Leave(Member member)
    {
        lock (gate)
        {
            if (--member.Connections == 0 && member.Stranger is { } stranger)
                unknown.Disconnected(stranger);
        }
    }

    /// <summary>
    /// Whether there is room for a connection where there is none without somebody giving way; and who does, whose
    /// connection is to be ended (<see cref="Link.TurnAway"/>).
    /// </summary>
    /// <param name="member">Whose connection it is; it was admitted.</param>
    /// <param name="isFull">Whether there is no room.</param>
    /// <param name="remote">Where it comes from.</param>
    /// <exception cref="RefusedException">Nobody gives way to it.</exception>
    public Link? MakeRoom(Member member, bool isFull, EndPoint? remote)
    {
        var origin = Origin.Of(remote);
        lock (gate)
        {
            // It counts among them already.
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
    /// A place for one more unknown id; gives who is to be forgotten for it, if anybody. Under the lock.
    /// </summary>
    private UnknownId? MakePlace(Origin? origin)
    {
        if (options.UnknownIds == UnknownIdPolicy.Refuse)
            throw new RefusedException(Refusal.UnknownId, "the id is not expected");
        if (!unknown.HasPlace(origin, out var givesWay, out var limit))
            throw new RefusedException(Refusal.TooManyUnknownIds, limit);
        if (givesWay is not null)
            unknown.Remove(givesWay);
        return givesWay;
    }

    /// <summary>An unknown id is forgotten, with its link and its memory. Nobody finds it open from here on.</summary>
    private void Forget(Link link)
    {
        link.Forget();
        lock (gate)
        {
            members.Remove(link.Id);
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
    /// A connection of the device begins. If it has proved itself, it is no stranger from now on. Under the lock.
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
