using System.Net;
using System.Reactive.Concurrency;
using System.Runtime.CompilerServices;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Time;

namespace Rx.IotLink.Server;

/// <summary>The devices that are known: one link for each, for ever, and those who wait for one.</summary>
internal sealed class Fleet
{
    /// <summary>Changes that an observer may fall behind, before it misses the oldest.</summary>
    private const int ChangesKept = 4_096;

    private readonly Lock gate = new();
    private readonly IotLinkServerOptions options;
    private readonly FillRandom random;
    private readonly ServerLog log;
    private readonly HashSet<string> expected;
    private readonly Dictionary<string, Member> members = new(StringComparer.Ordinal);
    // The ids whose stores are being opened, and the expected ones among those that could not be.
    private readonly HashSet<string> opening = new(StringComparer.Ordinal);
    private readonly HashSet<string> unopened = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Waiters<ILink>> waiting = new(StringComparer.Ordinal);
    private readonly Relay<ILink> links;
    private readonly Relay<LinkChange> changes;
    private readonly Roster roster;

    // Apart from the links' own: observers of theirs that block must not hide what happens to them.
    private readonly IScheduler ownObservers;

    // One for all, where no link has a memory of its own; else null.
    private readonly CreateProtocol? protocols;
    private int unknown;
    private bool closed;

    public Fleet(IotLinkServerOptions options, FillRandom random, ServerLog log)
    {
        (this.options, this.random, this.log) = (options, random, log);
        expected = new(options.Expected, StringComparer.Ordinal);
        protocols = options.SessionStores is null ? new Protocols(options, Role.Server, id: "") { Random = random }.Create : null;
        ownObservers = options.ObserversOfOne();
        links = new(options.ObserversOfOne(), Replay.All, int.MaxValue, nameof(IotLinkServer.Links), log.ObserverFailed);
        changes = new(options.ObserversOfOne(), Replay.Nothing, ChangesKept, nameof(IotLinkServer.Changes), log.ObserverFailed);
        roster = new(options.ObserversOfOne(), options.Scheduler, e => log.ObserverFailed(nameof(IotLinkServer.ObserveConnections), e));
    }

    public IObservable<ILink> Links => links;

    public IObservable<LinkChange> Changes => changes;

    public Roster Roster => roster;

    public IReadOnlyCollection<string> Expected => options.Expected;

    public int Count
    {
        get
        {
            lock (gate)
                return members.Count;
        }
    }

    public Link[] All
    {
        get
        {
            lock (gate)
                return [.. members.Values.Select(m => m.Link)];
        }
    }

    /// <summary>
    /// The devices whose session stores fail, or do not answer, and the expected ones whose stores could not be
    /// opened.
    /// </summary>
    public IReadOnlyCollection<string> FailingStores
    {
        get
        {
            lock (gate)
                return [.. members.Values.Where(m => m.Link.StoreFault is not null).Select(m => m.Link.Id), .. unopened];
        }
    }

    public ILink? Find(string id)
    {
        lock (gate)
            return members.TryGetValue(id, out var member) ? member.Link : null;
    }

    public Task<ILink> WaitForAsync(string id, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (members.TryGetValue(id, out var member))
                return Task.FromResult<ILink>(member.Link);
        }

        var waiter = new Waiter<ILink>(options.Continuations);
        waiter.GiveUpWhen(w => GaveUp(id, w), cancellationToken);
        ILink? joined;
        bool over;
        lock (gate)
        {
            joined = members.TryGetValue(id, out var member) ? member.Link : null;
            over = closed;
            if (joined is null && !over && !waiter.IsSettled)
                AwaitedAs(id).Add(waiter);
        }

        if (joined is not null)
            waiter.TrySetResult(joined);
        else if (over)
            waiter.TrySetException(Closed(id));
        return waiter.Task;
    }

    private Waiters<ILink> AwaitedAs(string id)
    {
        if (!waiting.TryGetValue(id, out var here))
            waiting.Add(id, here = new(gate, options.Continuations));
        return here;
    }

    private void GaveUp(string id, Waiter<ILink> waiter)
    {
        lock (gate)
        {
            if (!waiting.TryGetValue(id, out var here))
                return;
            here.Forget(waiter);
            if (here.IsEmpty)
                waiting.Remove(id);
        }
    }

    /// <summary>The link that a connection with this opening is for, made if need be.</summary>
    /// <param name="peer">What the connection said.</param>
    /// <param name="remote">Where it came from.</param>
    /// <param name="stopped">Ends the waiting for a store.</param>
    /// <exception cref="RefusedException">Why there is none for it.</exception>
    public ValueTask<Link> AdmitAsync(PeerOpening peer, EndPoint? remote, CancellationToken stopped)
    {
        Member? member;
        lock (gate)
        {
            if (closed)
                throw new RefusedException(Refusal.Stopping, "the server is stopping");
            if (members.TryGetValue(peer.Id, out member))
            {
                if (options.PinAddresses && !Equals(member.Address, AddressOf(remote)))
                    throw new RefusedException(Refusal.OtherAddress, $"the id belongs to {member.Address}");
                if (member.Link is { StoreFails: true, StoreFault: { } fault })
                    throw StoreFailed(fault.Detail);
                return new(member.Link);
            }

            if (opening.Contains(peer.Id))
                throw new RefusedException(Refusal.IdLive, "the session store of this id is being opened for another connection");
            if (RefusalOf(peer.Id) is { } refused)
                throw refused;
            unknown += expected.Contains(peer.Id) ? 0 : 1;
            if (protocols is not null)
                member = Join(new Link(peer.Id, options, peer.Version, protocols), remote);
            else
                opening.Add(peer.Id);
        }

        if (member is null)
            return OpenAsync(peer, remote, stopped);
        Announce(member, remote);
        return new(member.Link);
    }

    /// <summary>A connection with this id is being served. Protocol 1 gives an id's lines to whoever presents it, so a change of address is told.</summary>
    public void Served(string id, EndPoint? remote)
    {
        Member member;
        IPAddress? before;
        var address = AddressOf(remote);
        lock (gate)
        {
            member = members[id];
            (before, member.Address) = (member.Address, address);
        }

        if (Equals(before, address))
            return;
        log.AddressChanged(id, before, address);
        member.Link.Notify(new LinkNotice(LinkNoticeKind.AddressChanged, $"'{id}' came from {address}, before from {before}"));
    }

    public void Refused(string id, EndPoint? remote, RefusedException refused) =>
        Post(new LinkChange(LinkChangeKind.Refused, id, Find(id), remote, refused.Message, refused.Refusal));

    /// <summary>Closes every link; the streams complete.</summary>
    public void Close()
    {
        (string Id, Waiter<ILink> Waiter)[] unmet;
        lock (gate)
        {
            closed = true;
            unmet = [.. waiting.SelectMany(w => w.Value.TakeAll(), static (w, waiter) => (w.Key, waiter))];
            waiting.Clear();
        }

        foreach (var (id, waiter) in unmet)
            waiter.TrySetException(Closed(id));
        foreach (var link in All)
            link.Close();
        links.End();
        links.Kick();
        changes.End();
        changes.Kick();
        roster.End();
    }

    private RefusedException? RefusalOf(string id)
    {
        if (expected.Contains(id))
            return null;
        if (options.UnknownIds == UnknownIdPolicy.Refuse)
            return new(Refusal.UnknownId, "the id is not expected");
        return unknown >= options.MaxUnknownIds
            ? new(Refusal.TooManyUnknownIds, $"{unknown} unknown ids are known already, the limit is {options.MaxUnknownIds}")
            : null;
    }

    /// <summary>
    /// Opens the store of a device that was not known, and makes its link: on a thread of the stores, since it may
    /// wait, and not for longer than an opening may take.
    /// </summary>
    /// <remarks>
    /// The pooled builder continues on the thread that completes it, whatever its context: a virtual clock's thread is
    /// not left.
    /// </remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Link> OpenAsync(PeerOpening peer, EndPoint? remote, CancellationToken stopped)
    {
        if (!ReferenceEquals(options.Scheduler, DefaultScheduler.Instance))
            return Open(peer, remote);
        var limit = options.OpeningTimeout ?? options.Timeout;
        var opened = new TaskCompletionSource<Link>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var deadline = options.Scheduler.Schedule(limit, () => opened.TrySetException(StoreFailed($"the session store was not opened within {limit.TotalSeconds:0.###} s")));
        using var end = stopped.UnsafeRegister(static o => ((TaskCompletionSource<Link>)o!).TrySetException(new RefusedException(Refusal.Stopping, "the server is stopping")), opened);
        ObserverThreads.Stores.Run((Fleet: this, peer, remote, opened), static s =>
        {
            try
            {
                // The next connection finds it, if this one has waited in vain.
                s.opened.TrySetResult(s.Fleet.Open(s.peer, s.remote));
            }
            catch (Exception exception)
            {
                s.opened.TrySetException(exception);
            }
        });
        return await opened.Task.ConfigureAwait(false);
    }

    private Link Open(PeerOpening peer, EndPoint? remote)
    {
        Member member;
        try
        {
            // Not under the lock: somebody else's code, which may wait or fail.
            var store = options.SessionStores!(peer.Id);
            var own = new Protocols(options, Role.Server, peer.Id) { IsKept = true, Memory = store.Load(), Random = random };
            var link = new Link(peer.Id, options, peer.Version, own.Create, store);
            lock (gate)
            {
                if (closed)
                    throw new RefusedException(Refusal.Stopping, "the server is stopping");
                member = Join(link, remote);
                opening.Remove(peer.Id);
                unopened.Remove(peer.Id);
            }
        }
        catch (Exception exception)
        {
            lock (gate)
            {
                // It has no link, and takes no place.
                opening.Remove(peer.Id);
                if (expected.Contains(peer.Id))
                    unopened.Add(peer.Id);
                else
                    unknown--;
            }

            throw exception is RefusedException ? exception : StoreFailed($"the session store could not be opened: {exception.GetType().Name}: {exception.Message}", exception);
        }

        Announce(member, remote);
        return member.Link;
    }

    private static RefusedException StoreFailed(string detail, Exception? cause = null) => new(Refusal.StoreFailed, detail, told: "", cause);

    private Member Join(Link link, EndPoint? remote)
    {
        var id = link.Id;
        var member = new Member(this, link) { Address = AddressOf(remote) };
        // The link tells its own story from here on. Nobody has it yet, so that nothing of it is missed, or told before it has joined.
        link.States.Subscribe(member, replays: false, ownObservers);
        link.Told.Subscribe(member, replays: false, ownObservers);
        members.Add(id, member);
        links.Post(link);
        roster.Add(link);
        changes.Post(new LinkChange(LinkChangeKind.Joined, id, link, remote, "connected for the first time"));
        return member;
    }

    private void Announce(Member member, EndPoint? remote)
    {
        if (!expected.Contains(member.Link.Id))
            log.UnknownId(member.Link.Id, AddressOf(remote));
        log.Joined(member.Link.Id, remote);
        links.Kick();
        changes.Kick();
        roster.Kick();
        IReadOnlyList<Waiter<ILink>> awaited;
        lock (gate)
            awaited = waiting.Remove(member.Link.Id, out var here) ? here.TakeAll() : [];
        foreach (var waiter in awaited)
            waiter.TrySetResult(member.Link);
    }

    private void Changed(Member member, LinkState state)
    {
        log.Changed(member.Link.Id, state);
        roster.Changed(member.Link);
        if (state.Status is LinkStatus.Up or LinkStatus.Down)
            Post(new LinkChange(state.IsUp ? LinkChangeKind.Up : LinkChangeKind.Down, member.Link.Id, member.Link, member.Link.RemoteEndPoint, state.ToString()));
    }

    private void Post(LinkChange change)
    {
        changes.Post(change);
        changes.Kick();
    }

    private static LinkClosedException Closed(string id) => new(id, "the server has stopped");

    private static IPAddress? AddressOf(EndPoint? remote) => (remote as IPEndPoint)?.Address;

    private sealed class Member(Fleet fleet, Link link) : IObserver<LinkState>, IObserver<LinkNotice>
    {
        public Link Link { get; } = link;

        /// <summary>Where it came from, the last time that it was served. Guarded by the fleet's lock.</summary>
        public IPAddress? Address { get; set; }

        public void OnNext(LinkState value) => fleet.Changed(this, value);

        public void OnNext(LinkNotice value) => fleet.log.Notice(Link.Id, value);

        public void OnError(Exception error)
        {
            // Neither stream of a link fails.
        }

        public void OnCompleted()
        {
            // Whoever closed the links knows.
        }
    }
}

/// <summary>A connection is not let in.</summary>
/// <param name="refusal">Why.</param>
/// <param name="detail">A sentence for the log and the application.</param>
/// <param name="told">What the peer is told of it. Default: the same; nothing where the sentence is about what is
/// inside this server.</param>
/// <param name="cause">What was thrown, if the reason lies in this server.</param>
internal sealed class RefusedException(Refusal refusal, string detail, string? told = null, Exception? cause = null) : Exception(detail, cause)
{
    public Refusal Refusal { get; } = refusal;

    public string Told { get; } = told ?? detail;
}
