using System.Net;
using System.Reactive.Concurrency;
using System.Runtime.CompilerServices;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Telemetry;
using Rx.IotLink.Time;

namespace Rx.IotLink.Server;

/// <summary>The known devices, with one lasting link for each, and the callers that wait for a link.</summary>
internal sealed partial class DeviceRegistry
{
    /// <summary>How many changes an observer may fall behind before it misses the oldest.</summary>
    private const int ChangesKept = 4_096;

    private readonly Lock gate = new();
    private readonly IotLinkServerOptions options;
    private readonly ServerLog log;
    private readonly HashSet<string> expected;
    private readonly Dictionary<string, Member> members = new(StringComparer.Ordinal);
    // The ids whose stores are being opened, and the expected ids whose stores could not be opened.
    private readonly Dictionary<string, TaskCompletionSource<Opened>> opening = new(StringComparer.Ordinal);
    private readonly HashSet<string> unopened = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Waiters<ILink>> waiting = new(StringComparer.Ordinal);
    private readonly Broadcast<ILink> links;
    private readonly Broadcast<LinkChange> changes;
    private readonly DeviceFeed feed;

    // Separate from the links' own: blocked observers of a link must not hide its changes.
    private readonly IScheduler ownObservers;

    // One for all links if there is no store; otherwise null.
    private readonly CreateProtocol protocols;
    private readonly ByteBudget budget;
    private readonly LinkTelemetry telemetry;

    // The counts of links that were forgotten.
    private readonly LinkTotals gone = new();

    // Whether other servers claim memories from the same store.
    private readonly bool isShared;
    private (int Count, int Bytes)? tails;
    private readonly bool keepsReceived;
    private bool closed;

    public DeviceRegistry(IotLinkServerOptions options, FillRandom random, ServerLog log)
    {
        (this.options, this.log) = (options, log);
        expected = new(options.Expected, StringComparer.Ordinal);
        budget = new(options.BufferedBytes, log.Slowed);
        telemetry = new(options, role: "server");
        isShared = options.SessionStore is { IsShared: true };
        keepsReceived = options.SessionStore is IFleetStore { KeepsReceived: true };
        unknown = new(options.MaxUnknownIds, options.MaxUnknownIdsPerAddress);
        protocols = new ProtocolFactory(options, Role.Server) { Random = random, IsKept = options.SessionStore is not null }.Create;
        ownObservers = options.ObserversOfOne();
        links = new(options.ObserversOfOne(), Replay.All, int.MaxValue, nameof(IotLinkServer.Links), log);
        changes = new(options.ObserversOfOne(), Replay.Nothing, ChangesKept, nameof(IotLinkServer.Changes), log);
        feed = new(options.ObserversOfOne(), options.Scheduler, e => log.ObserverFailed(nameof(IotLinkServer.ObserveConnections), e));
    }

    public IObservable<ILink> Links => links;

    public IObservable<LinkChange> Changes => changes;

    public DeviceFeed Feed => feed;

    public IReadOnlyCollection<string> Expected => options.Expected;

    public int Count
    {
        get
        {
            lock (gate)
                return members.Count;
        }
    }

    /// <summary>The budget that the links share.</summary>
    public ByteBudget Budget => budget;

    public Link[] All
    {
        get
        {
            lock (gate)
                return [.. members.Values.Select(m => m.Link)];
        }
    }

    /// <summary>What the links report.</summary>
    public LinkTelemetry Telemetry => telemetry;

    /// <summary>Adds the links, and the counts of those that are forgotten, to sums.</summary>
    public void AddTo(TelemetrySums sums)
    {
        Link[] present;
        var before = new LinkTotals();
        lock (gate)
        {
            present = [.. members.Values.Select(m => m.Link)];
            before.AddCounts(gone);
        }

        telemetry.AddTo(present, before, sums);
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

    /// <summary>The subject of a log entry about a link. A forgotten device was a stranger.</summary>
    public Subject SubjectOf(ILink link)
    {
        lock (gate)
        {
            if (members.TryGetValue(link.Id, out var member) && ReferenceEquals(member.Link, link))
                return member.Subject;
        }

        return new(link.Id, Origin.Of((link as Link)?.RemoteEndPoint));
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

    /// <summary>
    /// The device of a connection with this opening, made if necessary. It counts as connected until
    /// <see cref="Leave"/>.
    /// </summary>
    /// <param name="peer">The opening.</param>
    /// <param name="proven">Whether it has proved that it is this device.</param>
    /// <param name="remote">Where it came from.</param>
    /// <param name="stopped">Ends the wait for a store.</param>
    /// <exception cref="RefusedException">The connection is refused.</exception>
    public ValueTask<Member> AdmitAsync(PeerOpening peer, bool proven, EndPoint? remote, CancellationToken stopped) => isShared && MemberOf(peer.Id) is { } known
        ? AdmitAgainAsync(known, peer, proven, remote, stopped)
        : AdmitNowAsync(peer, proven, remote, stopped);

    private ValueTask<Member> AdmitNowAsync(PeerOpening peer, bool proven, EndPoint? remote, CancellationToken stopped)
    {
        Member? member;
        UnknownId? givesWay = null;
        TaskCompletionSource<Opened>? store = null;
        var isNew = false;
        lock (gate)
        {
            if (closed)
                throw new RefusedException(Refusal.Stopping, "the server is stopping");
            if (members.TryGetValue(peer.Id, out member))
            {
                if (!member.HasCome && options.UnknownIds == UnknownIdPolicy.Refuse && !proven && !expected.Contains(peer.Id))
                    throw NotExpected();
                if (options.PinAddresses && member.BelongsElsewhere(AddressOf(remote)))
                    throw new RefusedException(Refusal.OtherAddress, $"the id belongs to {member.Address}", told: "the id belongs to another address");
                if (member.Link is { StoreFails: true, StoreFault: { } fault })
                    throw StoreFailed(fault.Detail);
                Enter(member, proven);
                if (member.HasCome)
                    return new(member);
                ComesFirst(member, remote);
            }
            else if (opening.TryGetValue(peer.Id, out store) && !proven)
            {
                // A connection that has proved itself waits together with the first one, and will replace it.
                throw new RefusedException(Refusal.IdLive, "the session store of this id is being opened for another connection");
            }
            else if (ending.Contains(peer.Id))
            {
                throw StoreFailed("what was kept of this id is still being written");
            }
            else if (store is null)
            {
                var isStranger = !proven && !expected.Contains(peer.Id);
                givesWay = isStranger ? MakePlace(Origin.Of(remote)) : null;
                isNew = true;
                if (options.SessionStore is null)
                    member = Join(new Link(peer.Id, options, peer.Version, protocols, budget: budget, telemetry: telemetry), isStranger, remote);
                else
                    opening.Add(peer.Id, store = new(TaskCreationOptions.RunContinuationsAsynchronously));
                if (isStranger && options.SessionStore is not null)
                    unknown.Reserve();
            }
        }

        if (givesWay is not null)
            Forget(givesWay.Link, Forgetting.ForRoom, "to make room for another unknown id");
        if (member is null)
            return OpenAsync(peer, proven, isNew, store!, remote, stopped);
        Announce(member, remote);
        return new(member);
    }

    /// <summary>
    /// A connection of this device is being served. In protocol 1 any device with an id gets its lines, so a notice
    /// reports a change of address.
    /// </summary>
    public void Served(Member member, EndPoint? remote)
    {
        IPAddress? before;
        var address = AddressOf(remote);
        lock (gate)
        {
            before = member.Address;
            if (!Equals(before, address))
                member.ComesFrom(address);
        }

        if (Equals(before, address))
            return;
        log.AddressChanged(member.Subject, before, address);
        member.Link.Notify(new LinkNotice(LinkNoticeKind.AddressChanged, $"'{member.Link.Id}' came from {address}, before from {before}"));
    }

    public void Refused(string id, EndPoint? remote, RefusedException refused) =>
        Post(new LinkChange(LinkChangeKind.Refused, id, Find(id), remote, refused.Message, refused.Refusal));

    /// <summary>Closes every link; the streams complete.</summary>
    public void Close()
    {
        (string Id, Waiter<ILink> Waiter)[] unmet;
        TaskCompletionSource<Opened>[] unopenedYet;
        lock (gate)
        {
            closed = true;
            unopenedYet = [.. opening.Values];
            unmet = [.. waiting.SelectMany(w => w.Value.TakeAll(), static (w, waiter) => (w.Key, waiter))];
            waiting.Clear();
        }

        askingAgain?.Dispose();
        foreach (var (id, waiter) in unmet)
            waiter.TrySetException(Closed(id));
        foreach (var opened in unopenedYet)
            opened.TrySetResult(new(null, new RefusedException(Refusal.Stopping, "the server is stopping")));
        foreach (var link in All)
            link.Close();
        links.End();
        links.Publish();
        changes.End();
        changes.Publish();
        feed.End();
    }

    private static RefusedException StoreFailed(string detail, Exception? cause = null) => new(Refusal.StoreFailed, detail, told: "", cause);

    private Member Join(Link link, bool isStranger, EndPoint? remote, bool isConnecting = true)
    {
        var id = link.Id;
        var member = new Member(this, link, AddressOf(remote))
        {
            Connections = 1,
            HasCome = isConnecting,
            Stranger = isStranger ? unknown.Add(link, Origin.Of(remote)) : null,
        };
        telemetry.Join(link);
        // Before its first line.
        link.Tail = NewTail();
        // From now on the link reports its own changes. No other code has it yet, so no change is missed, or reported
        // before it has joined.
        link.States.Subscribe(member, replays: false, ownObservers);
        link.NoticeWatcher = member;
        members.Add(id, member);
        links.Post(link);
        feed.Add(link);
        if (isConnecting)
            changes.Post(Joined(link, remote));
        return member;
    }

    /// <summary>Keeps the last lines of each link, from now on, for people to look at.</summary>
    public void KeepLastLines(int count, int bytes)
    {
        lock (gate)
        {
            tails = (count, bytes);
            foreach (var member in members.Values)
                member.Link.Tail = NewTail();
        }
    }

    private LineTail? NewTail() => tails is var (count, bytes) ? new(count, bytes) : null;

    private static LinkChange Joined(Link link, EndPoint? remote) => new(LinkChangeKind.Joined, link.Id, link, remote, "connected for the first time");

    private void Announce(Member member, EndPoint? remote)
    {
        // If no device is expected, there is no warning about unexpected ones.
        if (expected.Count > 0 && member.Stranger is not null)
            log.UnknownId(member.Subject, AddressOf(remote));
        if (member.HasCome)
            log.Joined(member.Subject, remote);
        links.Publish();
        changes.Publish();
        feed.Publish();
        IReadOnlyList<Waiter<ILink>> awaited;
        lock (gate)
            awaited = waiting.Remove(member.Link.Id, out var here) ? here.TakeAll() : [];
        foreach (var waiter in awaited)
            waiter.TrySetResult(member.Link);
    }

    private void Changed(Member member, LinkState state)
    {
        log.Changed(member.Subject, state);
        feed.Changed(member.Link);
        if (state.Outage?.Reason == OutageReason.ClaimedElsewhere)
            ForgetClaimed(member);

        LinkChangeKind? kind = state.Status switch
        {
            LinkStatus.Up => LinkChangeKind.Up,
            LinkStatus.Down => LinkChangeKind.Down,
            LinkStatus.Asleep => LinkChangeKind.Asleep,
            _ => null,
        };
        if (kind is { } change)
            Post(new LinkChange(change, member.Link.Id, member.Link, member.Link.RemoteEndPoint, state.ToString()));
    }

    private void Post(LinkChange change)
    {
        changes.Post(change);
        changes.Publish();
    }

    private static LinkClosedException Closed(string id) => new(id, "the server has stopped");

    private static IPAddress? AddressOf(EndPoint? remote) => (remote as IPEndPoint)?.Address;

    /// <summary>A known device.</summary>
    internal sealed class Member(DeviceRegistry registry, Link link, IPAddress? address) : IObserver<LinkState>, IObserver<LinkNotice>, INoticeWatcher
    {
        public Link Link { get; } = link;

        // How long it was up at other addresses before its current one.
        private TimeSpan upElsewhere;

        /// <summary>Whether another server has claimed it. Guarded by the registry's lock.</summary>
        public bool IsClaimedElsewhere { get; set; }

        /// <summary>
        /// Whether it has ever connected: the application may have opened its link before. Guarded by the registry's
        /// lock.
        /// </summary>
        public bool HasCome { get; set; } = true;

        /// <summary>Its address when it was last served. Guarded by the registry's lock.</summary>
        public IPAddress? Address { get; private set; } = address;

        /// <summary>It is served at another address than before.</summary>
        public void ComesFrom(IPAddress? other) => (Address, upElsewhere) = (other, Link.Presence.Up);

        /// <summary>
        /// Whether the id is still reserved for another address: after it was up there, for as long again (at least one
        /// timeout). So the first device does not keep the id for good; it may be a stranger.
        /// </summary>
        public bool BelongsElsewhere(IPAddress? other)
        {
            var (up, down) = Link.Presence;
            var here = up - upElsewhere;
            var claim = here > Link.Options.Timeout ? here : Link.Options.Timeout;
            return HasCome && !Equals(Address, other) && down <= claim;
        }

        /// <summary>
        /// Its entry among the unknown ids; null if it is expected or has proved itself. The limits of unknown ids
        /// apply only to unknown ids. Guarded by the registry's lock.
        /// </summary>
        public UnknownId? Stranger { get; set; }

        /// <summary>
        /// Its connections: the served one, one about to be served, and displaced ones that have not ended yet. Guarded
        /// by the registry's lock.
        /// </summary>
        public int Connections { get; set; }

        /// <summary>
        /// For the log. Read without the lock: a device that stops being a stranger at this moment may be logged as
        /// one.
        /// </summary>
        public Subject Subject => new(Link.Id, Stranger is not null ? Origin.Of(Link.RemoteEndPoint) : null);

        void INoticeWatcher.Watch(Broadcast<LinkNotice> notices) => notices.Subscribe(this, replays: false, registry.ownObservers);

        public void OnNext(LinkState value) => registry.Changed(this, value);

        public void OnNext(LinkNotice value) => registry.log.Notice(Subject, value);

        public void OnError(Exception error)
        {
            // Neither stream of a link fails.
        }

        public void OnCompleted()
        {
            // The code that closed the links knows it.
        }
    }
}

/// <summary>A connection is refused.</summary>
/// <param name="refusal">Why.</param>
/// <param name="detail">A sentence for the log and the application.</param>
/// <param name="told">
/// The text for the peer. Default: the same; empty if the sentence is about the inside of this server.
/// </param>
/// <param name="cause">The exception, if the cause is in this server.</param>
internal sealed class RefusedException(Refusal refusal, string detail, string? told = null, Exception? cause = null) : Exception(detail, cause)
{
    public Refusal Refusal { get; } = refusal;

    public string Told { get; } = told ?? detail;
}
