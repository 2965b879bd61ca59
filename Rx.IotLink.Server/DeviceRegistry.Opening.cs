using System.Net;
using System.Reactive.Concurrency;
using System.Runtime.CompilerServices;
using Rx.IotLink.Protocol;
using Rx.IotLink.Time;

namespace Rx.IotLink.Server;

/// <summary>The opening of stores: for a device that connects, and for the application before one does.</summary>
internal sealed partial class DeviceRegistry
{
    /// <summary>The link of a device, opened from its store if there is none yet.</summary>
    /// <param name="id">The device.</param>
    /// <param name="isKnown">Whether it is known, although the store may have nothing of it.</param>
    /// <param name="cancellationToken">Ends the wait. The opening continues, for the next caller.</param>
    /// <exception cref="UnknownDeviceException">It is not known, and there is nothing of it in the store.</exception>
    /// <exception cref="DeviceElsewhereException">It is connected at another server.</exception>
    /// <exception cref="SessionStoreException">The store failed.</exception>
    /// <exception cref="LinkClosedException">The server has stopped.</exception>
    public async Task<ILink> OpenAsync(string id, bool isKnown, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        TaskCompletionSource<Opened>? store = null;
        Member? member;
        var version = options.Protocol2 ? 2 : 1;
        var isNew = false;
        lock (gate)
        {
            if (closed)
                throw Closed(id);
            if (members.TryGetValue(id, out member))
                return member.Link;
            if (ending.Contains(id))
                throw Failed(id, "is still being written: it was forgotten a moment ago");
            if (options.SessionStore is null && !isKnown)
                throw new UnknownDeviceException(id);
            isNew = options.SessionStore is not null && !opening.TryGetValue(id, out store);
            if (options.SessionStore is null)
                member = Join(new Link(id, options, version, protocols, budget: budget, telemetry: telemetry), isStranger: false, remote: null, isConnecting: false);
            else if (isNew)
                opening.Add(id, store = new(TaskCreationOptions.RunContinuationsAsynchronously));
            if (member is not null)
                member.Connections = 0;
        }

        if (member is not null)
        {
            Announce(member, remote: null);
            return member.Link;
        }

        var wanted = new Wanted(id, version, IsStranger: false, Remote: null, IsConnecting: false, MustBeKept: !isKnown);
        if (isNew && ReferenceEquals(options.Scheduler, DefaultScheduler.Instance))
            ObserverThreads.Stores.Run((Registry: this, wanted, store: store!), static s => _ = s.Registry.OpenStoreAsync(s.wanted, s.store));
        else if (isNew)
            await OpenStoreAsync(wanted, store!).ConfigureAwait(false);
        var opened = await store!.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        return opened.Member?.Link ?? throw ErrorOf(id, opened.Error!);
    }

    /// <summary>Whether the device of a link has connected.</summary>
    public bool HasCome(ILink link)
    {
        lock (gate)
            return !members.TryGetValue(link.Id, out var member) || !ReferenceEquals(member.Link, link) || member.HasCome;
    }

    /// <summary>A device connects for the first time whose link the application has opened. Under the lock.</summary>
    private void ComesFirst(Member member, EndPoint? remote)
    {
        member.HasCome = true;
        member.ComesFrom(AddressOf(remote));
        changes.Post(Joined(member.Link, remote));
    }

    /// <summary>
    /// Claims the memory of a new device in the store, and makes its link. This runs on a thread of the stores, since
    /// it may wait, and takes at most the time of an opening.
    /// </summary>
    /// <remarks>
    /// A pooled builder continues on the thread that completes it, in any context, so all stays on the thread of a
    /// virtual clock.
    /// </remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Member> OpenAsync(
        PeerOpening peer, bool proven, bool isNew, TaskCompletionSource<Opened> store, EndPoint? remote, CancellationToken stopped)
    {
        if (isNew && !ReferenceEquals(options.Scheduler, DefaultScheduler.Instance))
        {
            await OpenStoreAsync(ClaimFor(peer, proven, remote), store).ConfigureAwait(false);
            return MemberOf(await store.Task.ConfigureAwait(false), proven, remote);
        }

        var limit = options.OpeningLimit;
        var inVain = new TaskCompletionSource<Opened>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var deadline = options.Scheduler.Schedule(limit, () => inVain.TrySetResult(new(null, StoreFailed($"the session store was not opened within {limit.TotalSeconds:0.###} s"))));
        using var end = stopped.UnsafeRegister(static o => ((TaskCompletionSource<Opened>)o!).TrySetResult(new(null, new RefusedException(Refusal.Stopping, "the server is stopping"))), inVain);
        if (isNew)
            ObserverThreads.Stores.Run((Registry: this, wanted: ClaimFor(peer, proven, remote), store), static s => _ = s.Registry.OpenStoreAsync(s.wanted, s.store));
        var first = await Task.WhenAny(store.Task, inVain.Task).ConfigureAwait(false);
        return MemberOf(await first.ConfigureAwait(false), proven, remote);
    }

    private Member MemberOf(Opened opened, bool proven, EndPoint? remote)
    {
        if (opened.Member is not { } member)
            throw opened.Error!;
        bool isFirst;
        lock (gate)
        {
            Enter(member, proven);
            isFirst = !member.HasCome;
            if (isFirst)
                ComesFirst(member, remote);
        }

        if (isFirst)
            Announce(member, remote);
        return member;
    }

    private Wanted ClaimFor(PeerOpening peer, bool proven, EndPoint? remote) => new(peer.Id, peer.Version, !proven && !expected.Contains(peer.Id), remote);

    /// <summary>If this connection gives up waiting, the next one finds the result. Never throws.</summary>
    private async Task OpenStoreAsync(Wanted wanted, TaskCompletionSource<Opened> opened)
    {
        var (id, isStranger) = (wanted.Id, wanted.IsStranger);
        try
        {
            // Not under the lock: foreign code, which may wait or fail.
            if (!wanted.IsConnecting && options.SessionStore is IFleetStore fleet && await fleet.FindUpElsewhereAsync(id).ConfigureAwait(false) is { } node)
                throw BeingLookedAt(new DeviceElsewhereException(id, node));
            var (claim, kept) = await ClaimedStore.OpenAsync(options.SessionStore!, id, options.MaxLineBytes, CancellationToken.None).ConfigureAwait(false);
            if (wanted.MustBeKept && kept.Memory.IsEmpty)
                throw await NotKeptAsync(claim).ConfigureAwait(false);
            var link = new Link(id, options, wanted.Version, protocols, (options.SessionStore!, claim, kept), budget, telemetry, keepsReceived);
            Member member;
            lock (gate)
            {
                if (closed)
                    throw new RefusedException(Refusal.Stopping, "the server is stopping");
                if (isStranger)
                    unknown.EndReservation();
                member = Join(link, isStranger, wanted.Remote, wanted.IsConnecting);
                // The connection that waits for it continues by itself, unless it has given up.
                member.Connections = 0;
                if (member.Stranger is { } stranger)
                    unknown.Disconnected(stranger);
                opening.Remove(id);
                unopened.Remove(id);
            }

            if (KeptSleep.Of(kept.Memory.Connections) is { } sleep)
                link.SleepsOn(sleep, hasCome: wanted.IsConnecting);
            Announce(member, wanted.Remote);
            opened.TrySetResult(new(member, null));
        }
        catch (Exception exception)
        {
            lock (gate)
            {
                // It has no link, and needs no room.
                opening.Remove(id);
                if (expected.Contains(id))
                    unopened.Add(id);
                if (isStranger)
                    unknown.EndReservation();
            }

            opened.TrySetResult(new(null, exception is RefusedException ? exception : StoreFailed($"the session store could not be opened: {exception.GetType().Name}: {exception.Message}", exception)));
        }
    }

    /// <summary>Leaves nothing of an unknown id in the store.</summary>
    private async ValueTask<RefusedException> NotKeptAsync(SessionClaim claim)
    {
        _ = await TryForgetAsync(claim).ConfigureAwait(false);
        return BeingLookedAt(new UnknownDeviceException(claim.Id));
    }

    /// <summary>The link is not opened. A connection that waits for it meanwhile is refused, and tries again.</summary>
    private static RefusedException BeingLookedAt(Exception cause) => new(Refusal.IdLive, "the session store of this id is being looked at", cause: cause);

    /// <summary>If this fails, the id stays there without a memory, which does no harm.</summary>
    private async ValueTask<bool> TryForgetAsync(SessionClaim claim)
    {
        try
        {
            await options.SessionStore!.WriteAsync([new(claim, new(SessionRecordKind.Forget))]).ConfigureAwait(false);
            return true;
        }
        catch (Exception)
        {
            return false;
        }
    }

    private static Exception ErrorOf(string id, Exception error) => error switch
    {
        { InnerException: UnknownDeviceException or DeviceElsewhereException or SessionStoreException } => error.InnerException,
        RefusedException { Refusal: Refusal.Stopping } => Closed(id),
        _ => Failed(id, $"failed: {Printable.Message(error.Message)}", error.InnerException),
    };

    private static SessionStoreException Failed(string id, string detail, Exception? cause = null) =>
        new($"of '{Printable.Of(id)}'", SessionStoreFault.Unavailable, detail, "Try again.", cause);

    /// <summary>Whose store is to be opened.</summary>
    /// <param name="Id">The device.</param>
    /// <param name="Version">The version of the protocol that it speaks.</param>
    /// <param name="IsStranger">Whether it takes a place of those that are unknown.</param>
    /// <param name="Remote">Where it comes from.</param>
    /// <param name="IsConnecting">Whether it is connecting; else the application wants its link.</param>
    /// <param name="MustBeKept">Whether the id counts as unknown if the store has nothing of it.</param>
    private sealed record Wanted(string Id, int Version, bool IsStranger, EndPoint? Remote, bool IsConnecting = true, bool MustBeKept = false);

    /// <summary>The result of claiming a memory: a device, or an error.</summary>
    private readonly record struct Opened(Member? Member, Exception? Error);
}
