using System.Net;
using System.Reactive.Concurrency;
using Rx.IotLink.Protocol;
using Rx.IotLink.Time;

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

    /// <summary>
    /// Forgets a device with its link and its memory, as the application wants. What was kept of it is deleted too.
    /// </summary>
    /// <exception cref="UnknownDeviceException">There is nothing to forget.</exception>
    /// <exception cref="SessionStoreException">
    /// The store failed: what it has of the device may be there still.
    /// </exception>
    public async Task ForgetAsync(string id, CancellationToken cancellationToken)
    {
        Link link;
        try
        {
            link = (Link)await OpenAsync(id, isKnown: false, cancellationToken).ConfigureAwait(false);
        }
        catch (UnknownDeviceException)
        {
            throw new UnknownDeviceException(id, "it has not connected, and the session store has nothing of it");
        }

        lock (gate)
        {
            if (!members.TryGetValue(id, out var member) || !ReferenceEquals(member.Link, link))
                throw new UnknownDeviceException(id, "it was forgotten a moment ago");
            if (member.Stranger is { } stranger)
                unknown.Remove(stranger);
        }

        Forget(link, Forgetting.AtRequest, "as the application wanted");
        if (link.Claim is not { } claim)
            return;
        await link.Kept.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await EraseAsync(claim).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Deletes a memory in the store, on a thread of the stores.</summary>
    private Task EraseAsync(SessionClaim claim)
    {
        if (!ReferenceEquals(options.Scheduler, DefaultScheduler.Instance))
            return EraseHereAsync(claim);
        var erased = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ObserverThreads.Stores.Run((Registry: this, claim, erased), static s => _ = s.Registry.EraseHereAsync(s.claim, s.erased));
        return erased.Task;
    }

    private async Task EraseHereAsync(SessionClaim claim, TaskCompletionSource erased)
    {
        try
        {
            await EraseHereAsync(claim).ConfigureAwait(false);
            erased.TrySetResult();
        }
        catch (Exception exception)
        {
            erased.TrySetException(exception);
        }
    }

    private async Task EraseHereAsync(SessionClaim claim)
    {
        try
        {
            await options.SessionStore!.WriteAsync([new(claim, new(SessionRecordKind.Forget))]).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            throw Failed(claim.Id, $"was not deleted: {exception.GetType().Name}: {Printable.Message(exception.Message)}", exception);
        }
        finally
        {
            lock (gate)
                ending.Remove(claim.Id);
        }
    }

    /// <summary>Forgets a device with its link. From now on its link is not found open.</summary>
    private void Forget(Link link, Forgetting kind, string why)
    {
        var erases = kind == Forgetting.AtRequest && link.Claim is not null;
        link.Forget(why);
        lock (gate)
        {
            // It may have been forgotten in another way at this moment.
            if (!members.TryGetValue(link.Id, out var member) || !ReferenceEquals(member.Link, link))
                return;
            members.Remove(link.Id);
            telemetry.Leave(link, gone);
            links.Forget(link);
            feed.Remove(link);
            forgotten += kind == Forgetting.ForRoom ? 1 : 0;
            changes.Post(new LinkChange(LinkChangeKind.Forgotten, link.Id, link, link.RemoteEndPoint, link.Current.Outage!.Detail));
            if (erases || !link.Kept.IsCompleted)
                ending.Add(link.Id);
        }

        if (!erases)
            _ = EndedAsync(link);
        feed.Publish();
        changes.Publish();
    }

    /// <summary>Why a device is forgotten.</summary>
    private enum Forgetting
    {
        /// <summary>It is unknown, and makes room for another unknown id.</summary>
        ForRoom,

        /// <summary>The application wants it. Its memory in the store is deleted, too.</summary>
        AtRequest,

        /// <summary>Another server has claimed it.</summary>
        Elsewhere,
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
