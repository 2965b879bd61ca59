using System.Net;
using System.Reactive;
using System.Reactive.Concurrency;
using System.Runtime.CompilerServices;
using Rx.IotLink.Engine;
using Rx.IotLink.Protocol;
using Rx.IotLink.Telemetry;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>
/// A link at either end: the shell around its engine (<see cref="LinkEngine"/>), at most one
/// <see cref="ServedConnection"/> (the current connection), and the streams of the application. It gets its connections
/// (<see cref="TryServe"/>) and makes none.
/// </summary>
/// <remarks>
/// One lock guards everything. Under it the engine takes a step, and the resulting work is collected. After the lock
/// this work is performed: bytes are sent, observers called, writes completed. So no user code, and no call of a pipe,
/// a scheduler or another link, ever runs under it.
/// </remarks>
internal sealed partial class Link : IOwnLink, IJournalOwner, IInboxOwner, IDisposable
{
    private const int StateChangesKept = 64;
    private const int NoticesKept = 256;

    private readonly Lock gate = new();
    private readonly LinkOptions options;
    private readonly Deadlines deadlines;
    private readonly LinkEngine engine;
    private readonly Journal? journal;
    private readonly IScheduler observers;
    private readonly Inbox inbox;
    private readonly Broadcast<LinkState> states;
    private LinkState state;
    private ServedConnection? served;
    private Pulses? pulses;
    private Broadcast<LinkNotice>? notices;
    private bool noticesEnded;
    private Alarm? alarm;

    // The time of day at which the monotonic clock was zero, as measured at the last connection.
    private DateTimeOffset origin;
    private readonly LinkTelemetry? telemetry;
    private LinkWaiters? waiters;

    /// <summary>A link that is connecting.</summary>
    /// <param name="id">The device's name.</param>
    /// <param name="options">The options of this end.</param>
    /// <param name="version">The first version of the protocol.</param>
    /// <param name="create">Makes a protocol of a version.</param>
    /// <param name="store">The store of its memory, the claim to it, and what is kept there; or null.</param>
    /// <param name="budget">Bytes that it shares with other links, or null.</param>
    /// <param name="telemetry">Where it reports what happens to it, or null.</param>
    /// <param name="keepsReceived">Whether the lines of the peer are kept in the store, too.</param>
    public Link(
        string id,
        LinkOptions options,
        int version,
        CreateProtocol create,
        (ISessionStore Store, SessionClaim Claim, KeptSession Kept)? store = null,
        ByteBudget? budget = null,
        LinkTelemetry? telemetry = null,
        bool keepsReceived = false)
    {
        (Id, this.options, this.budget, this.telemetry) = (id, options, budget, telemetry);
        deadlines = Deadlines.On(options.Scheduler);
        observers = options.ObserversOfOne();
        state = new LinkState(LinkStatus.Connecting, options.Scheduler.Now, Connections: 0);
        states = new(observers, Replay.Latest, StateChangesKept, nameof(State), this, gate);
        states.Post(state);
        inbox = new(options, observers, gate, this);
        mayLeaveSends = ReferenceEquals(options.Scheduler, DefaultScheduler.Instance);
        if (store is var (keeps, claim, kept))
            journal = new Journal(claim, kept.Memory.LastPosition, StoreJournal.Of(keeps, options), gate, options, deadlines, this);
        if (keepsReceived)
            inbox.KeepLines();
        var effects = Effects.Rent(inbox.Arrived);
        engine = new(options, version, create, store?.Kept, effects, options.Scheduler.Now - Now);
        effects.Records?.ForEach(record => journal!.Append(record));
        effects.Release();
        budget?.Join();
    }

    public string Id { get; }

    public LinkOptions Options => options;

    public IObservable<string> Lines => inbox.Lines;

    public IObservable<ReadOnlyMemory<byte>> Utf8Lines => inbox.Utf8Lines;

    public IObservable<ReceivedLine> Received => inbox.Received(Id);

    /// <summary>The lines that the application was given last, if somebody wants to look at them.</summary>
    public LineTail? Tail { get => inbox.Tail; set => inbox.Tail = value; }

    public IObserver<string> Writer => field ??= new LinkWriter(this);

    public IObservable<LinkState> State => states;

    public IObservable<Unit> Heartbeat => AskedPulses.Heartbeats;

    public IObservable<Unit> Heard => AskedPulses.Heard;

    public IObservable<LinkNotice> Notices => AskedNotices;

    /// <summary><see cref="State"/>, for observers of changes alone.</summary>
    public Broadcast<LinkState> States => states;

    /// <summary>
    /// Subscribes to <see cref="Notices"/> when there is the first of them, or somebody else observes them. Set once,
    /// before the link is served.
    /// </summary>
    public INoticeWatcher? NoticeWatcher { get; set; }

    /// <summary>Made at the first use: few applications use it, and other links should not hold it.</summary>
    private Pulses AskedPulses
    {
        get
        {
            lock (gate)
            {
                if (pulses is not null)
                    return pulses;
                var made = new Pulses(observers, this, gate);
                if (state.IsFinal)
                    made.End();
                return pulses = made;
            }
        }
    }

    /// <summary>Made with the first notice or observer: many links never have any.</summary>
    private Broadcast<LinkNotice> AskedNotices
    {
        get
        {
            lock (gate)
            {
                if (notices is not null)
                    return notices;
                notices = new(observers, Replay.Nothing, NoticesKept, nameof(Notices), this, gate);
                NoticeWatcher?.Watch(notices);
                if (noticesEnded)
                    notices.End();
                return notices;
            }
        }
    }

    public Deadlines Deadlines => deadlines;

    /// <summary>Monotonic time on the link's scheduler.</summary>
    public TimeSpan Now => deadlines.Now;

    /// <summary>How long the link was up the last time. For code that has seen its outage.</summary>
    public TimeSpan LastUp => engine.LastUp;

    /// <summary>How long the link was up in all, and for how long it has been down; null: it was never up.</summary>
    public (TimeSpan Up, TimeSpan? Down) Presence
    {
        get
        {
            lock (gate)
                return engine.PresenceAt(Now);
        }
    }

    /// <summary>
    /// The version of the protocol on the next connection, if <see cref="TryServe"/> gets no other.
    /// </summary>
    public int Wanted
    {
        get
        {
            lock (gate)
                return engine.Wanted;
        }
    }

    /// <summary>Since when observers of lines have been handling one, if they do. For tests.</summary>
    internal TimeSpan? HeldSince => inbox.HeldSince;

    /// <summary>
    /// How long a client must be silent after its last connection, for the other end to notice it too.
    /// </summary>
    public TimeSpan QuietTime => engine.QuietTime;

    public LinkState Current
    {
        get
        {
            lock (gate)
                return state;
        }
    }

    /// <summary>The address of the current connection, or of the last one.</summary>
    public EndPoint? RemoteEndPoint { get; private set; }

    /// <summary>The state of this link at one moment, for a list of devices.</summary>
    public LinkSnapshot Snapshot
    {
        get
        {
            lock (gate)
                return new(state, RemoteEndPoint, engine.Version, Counters, engine.LastLineAt is { } at ? origin + at : null);
        }
    }

    public LinkCounters Counters
    {
        get
        {
            lock (gate)
                return engine.CountersAt(Moment());
        }
    }

    /// <summary>Whether its metrics are reported apart from those of others. Set once, before it is served.</summary>
    public bool HasOwnSeries { get; set; }

    /// <summary>Adds this link, and its counts, to sums.</summary>
    public void AddTo(LinkTotals totals)
    {
        lock (gate)
            engine.AddTo(totals);
    }

    public Task WaitUntilUpAsync(CancellationToken cancellationToken = default)
    {
        var untilUp = Waiters.UntilUp;
        var waiter = untilUp.Make(cancellationToken);
        lock (gate)
        {
            untilUp.Add(waiter);
            UpOrEnded();
        }

        TellWaiters();
        return waiter.Task;
    }

    public Task<string> ReadLineAsync(CancellationToken cancellationToken = default) => inbox.ReadAsync(cancellationToken);

    public async IAsyncEnumerable<string> ReadLinesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        while (true)
        {
            string line;
            try
            {
                line = await ReadLineAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (LinkClosedException)
            {
                yield break;
            }

            yield return line;
        }
    }

    /// <summary>
    /// Completes, once this end is closed, when the peer has got the farewell or cannot get it, the connection has
    /// ended, and the memory is kept or cannot be.
    /// </summary>
    public Task Goodbye { get; private set; } = Task.CompletedTask;

    /// <summary>Closes this end for good.</summary>
    public void Close() => Finish(LinkStatus.Closed, new Outage(OutageReason.ClosedHere, "closed by the application"));

    /// <summary>Closes this end for good, since the server forgets it with all its memory.</summary>
    public void Forget(string why) => Finish(LinkStatus.Closed, new Outage(OutageReason.ClosedHere, $"it was forgotten, {why}"));

    void IDisposable.Dispose() => Close();

    /// <summary>Gives the link up for good.</summary>
    public void Refuse(Outage outage) => Finish(LinkStatus.Refused, outage);

    public void Notify(LinkNotice notice)
    {
        var to = AskedNotices;
        to.Post(notice);
        to.Publish();
    }

    private void Finish(LinkStatus status, Outage outage)
    {
        Work work;
        lock (gate)
            Step(status == LinkStatus.Refused ? Input.Refused(Moment(), outage) : Input.Closed(Moment(), outage), out work);
        Perform(ref work);
    }

    /// <summary>Made at the first use.</summary>
    private LinkWaiters Waiters
    {
        get
        {
            lock (gate)
                return waiters ??= new(gate, options.Continuations);
        }
    }

    private IOException WhyEnded(LinkState final) => final.Status == LinkStatus.Refused
        ? new LinkRefusedException(Id, final.Outage!)
        : new LinkClosedException(Id, final.Outage!.Detail);

    private void UpOrEnded()
    {
        if (state.IsUp || state.IsFinal)
            TellLater(waiters?.UntilUp, state.IsUp ? null : WhyEnded(state));
    }

    void IObserverFaults.ObserverFailed(string stream, Exception exception)
    {
        var detail = $"an observer of {stream} threw {exception.GetType().Name}: {exception.Message}; its subscription has ended";
        if (stream is nameof(Lines) or nameof(Utf8Lines) or nameof(Received))
        {
            if (!inbox.IsObserved)
                detail += "; nobody observes the lines of this link now, and further ones wait unread and are not acknowledged";
            // If an Rx operator has merged several links, the error ended all of them, and no other link can report it.
            detail += "; if it was one subscription to several links (SelectMany, Merge), it has ended for the others too";
        }

        Notify(new LinkNotice(LinkNoticeKind.ObserverFailed, detail, exception));
    }

    private void EndNotices()
    {
        noticesEnded = true;
        notices?.End();
    }

    /// <summary>Received bytes as mere signs of life.</summary>
    private sealed class Pulses(IScheduler observers, IObserverFaults faults, Lock gate)
    {
        public Broadcast<Unit> Heartbeats { get; } = new(observers, Replay.Nothing, capacity: 1, nameof(Heartbeat), faults, gate);

        public Broadcast<Unit> Heard { get; } = new(observers, Replay.Nothing, capacity: 1, nameof(Heard), faults, gate);

        public void Publish()
        {
            Heartbeats.Publish();
            Heard.Publish();
        }

        public void End()
        {
            Heartbeats.End();
            Heard.End();
        }
    }
}
