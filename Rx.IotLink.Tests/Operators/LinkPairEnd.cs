using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;
using System.Runtime.CompilerServices;
using System.Text;

namespace Rx.IotLink.Tests.Operators;

/// <summary>One end of a <see cref="LinkPair"/>.</summary>
internal sealed class LinkPairEnd(LinkPair pair, IScheduler scheduler, string id) : ILink
{
    private readonly LinkedList<Entry> _outbox = new();
    private readonly Queue<Entry> _inbox = new();
    private readonly List<IObserver<string>> _observers = [];
    private readonly BehaviorSubject<LinkState> _state = new(new(LinkStatus.Up, scheduler.Now, 1));
    private readonly Subject<LinkNotice> _notices = new();
    private Entry? _onItsWay;
    private bool _closed;
    private bool _handing;

    public LinkPairEnd Peer { get; set; } = null!;

    public int MaxLineBytes { get; set; } = 4_000;

    /// <summary>Every line that reached the application's side of this end, with the time: the wire as a test sees it.</summary>
    public List<(long Ticks, string Line)> Received { get; } = [];

    public string Id => id;

    public IObservable<LinkState> State => _state;

    public IObservable<Unit> Heartbeat => Observable.Never<Unit>();

    public IObservable<LinkNotice> Notices => _notices;

    public IObserver<string> Writer => Observer.Create<string>(line => Write(line).Subscribe(static _ => { }, static _ => { }));

    public LinkCounters Counters => new() { LinesReceived = Received.Count, Outbox = _outbox.Count, Inbox = _inbox.Count };

    public IObservable<string> Lines => Observable.Create<string>(observer =>
    {
        if (_closed)
        {
            observer.OnCompleted();
            return Disposable.Empty;
        }

        _observers.Add(observer);
        // Not at once: the caller has no subscription to dispose yet.
        scheduler.Schedule(HandOver);
        return () => _observers.Remove(observer);
    });

    public IObservable<Unit> Write(string line, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered)
    {
        if (line.Length == 0 || line.Contains('\n', StringComparison.Ordinal) || Encoding.UTF8.GetByteCount(line) > MaxLineBytes)
            throw new ArgumentException("The line is empty, too long or several lines.", nameof(line));
        return Observable.Create<Unit>(observer =>
        {
            if (_closed)
            {
                observer.OnError(new LinkClosedException(id, "it was closed before."));
                return Disposable.Empty;
            }

            var entry = new Entry(line, observer);
            _outbox.AddLast(entry);
            Send();
            return () =>
            {
                if (!entry.Sent)
                    _outbox.Remove(entry);
            };
        });
    }

    public Task WriteAsync(string line, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered, CancellationToken cancellationToken = default) =>
        Write(line, delivery, ordering).ToTask(cancellationToken);

    public async Task<string> ReadLineAsync(CancellationToken cancellationToken = default) =>
        await Lines.FirstOrDefaultAsync().ToTask(cancellationToken) ?? throw new LinkClosedException(id, "no line can come.");

    public async IAsyncEnumerable<string> ReadLinesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        while (await Lines.FirstOrDefaultAsync().ToTask(cancellationToken) is { } line)
            yield return line;
    }

    public Task WaitUntilUpAsync(CancellationToken cancellationToken = default) => State.FirstAsync(state => state.IsUp).ToTask(cancellationToken);

    public Task DrainAsync(CancellationToken cancellationToken = default) =>
        _outbox.Last is { } last ? last.Value.Accepted.ToTask(cancellationToken) : Task.CompletedTask;

    public void Close()
    {
        _closed = true;
        StateChanged(LinkStatus.Closed);
        _state.OnCompleted();
        foreach (var entry in _outbox.ToArray())
            entry.Accepted.OnError(new LinkClosedException(id, "it was closed."));
        foreach (var observer in _observers.ToArray())
            observer.OnCompleted();
    }

    internal void StateChanged(LinkStatus status)
    {
        var outage = status == LinkStatus.Down ? new Outage(OutageReason.Silence, "as the test says") : null;
        _state.OnNext(new(status, scheduler.Now, pair.Connection, outage));
        _onItsWay = null;
        Send();
    }

    private void Send()
    {
        if (!pair.IsUp || _closed || _onItsWay is not null || _outbox.First is not { } first)
            return;
        _onItsWay = first.Value;
        _onItsWay.Sent = true;
        Later(() => Peer.Receive(first.Value));
    }

    private void Receive(Entry entry)
    {
        if (_closed)
            return;
        if (entry.Accepting)
        {
            // A repetition: the acceptance was lost, not the line.
            Later(() => Peer.Accepted(entry));
            return;
        }

        if (!_inbox.Contains(entry))
            _inbox.Enqueue(entry);
        HandOver();
    }

    private void HandOver()
    {
        if (_handing)
            return;
        _handing = true;
        while (_observers.Count > 0 && !_closed && _inbox.TryDequeue(out var entry))
        {
            entry.Accepting = true;
            Received.Add((scheduler.Now.Ticks, entry.Line));
            foreach (var observer in _observers.ToArray())
                Tell(observer, entry.Line);
            Later(() => Peer.Accepted(entry));
        }

        _handing = false;
    }

    private void Tell(IObserver<string> observer, string line)
    {
        try
        {
            observer.OnNext(line);
        }
        catch (Exception error)
        {
            _observers.Remove(observer);
            _notices.OnNext(new(LinkNoticeKind.ObserverFailed, "an observer threw", error));
        }
    }

    private void Accepted(Entry entry)
    {
        if (_onItsWay != entry)
            return;
        _onItsWay = null;
        _outbox.Remove(entry);
        entry.Accepted.OnNext(Unit.Default);
        entry.Accepted.OnCompleted();
        Send();
    }

    /// <summary>What travels now arrives after the latency, unless the connection it travels on is gone by then.</summary>
    private void Later(Action arrive)
    {
        var connection = pair.Connection;
        scheduler.Schedule(LinkPair.Latency, () =>
        {
            if (pair.IsUp && pair.Connection == connection)
                arrive();
        });
    }

    private sealed class Entry
    {
        public Entry(string line, IObserver<Unit> writer)
        {
            Line = line;
            Accepted.Subscribe(writer);
        }

        public string Line { get; }

        public Subject<Unit> Accepted { get; } = new();

        public bool Sent { get; set; }

        /// <summary>The peer's application has the line.</summary>
        public bool Accepting { get; set; }
    }
}
