using System.Collections.Immutable;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using Rx.IotLink.Time;

namespace Rx.IotLink.Server;

/// <summary>
/// Sends the rows of all devices to observers: first all of them, then each device that has changed. A device waits at
/// most once in an observer's queue, and its row is made when its turn comes. So the fleet bounds the queue, and an
/// observer that falls behind misses past states, never the current one.
/// </summary>
internal sealed class DeviceFeed(IScheduler observers, IScheduler clock, Action<Exception> observerFailed)
{
    private readonly Lock gate = new();
    private readonly IScheduler clock = clock;
    private readonly Action<Exception> observerFailed = observerFailed;
    private readonly List<Link> links = [];
    private ImmutableArray<Subscription> subscriptions = [];
    private bool ended;

    /// <summary>The current row of each device.</summary>
    public DeviceConnection[] Snapshot()
    {
        Link[] all;
        lock (gate)
            all = [.. links];
        return Array.ConvertAll(all, DeviceConnection.Of);
    }

    /// <summary>The current and future rows of all devices.</summary>
    /// <param name="refresh">
    /// How often to check for changes without a change of state: counts, the time of the last line. Null: never.
    /// </param>
    public IObservable<DeviceConnection> Observe(TimeSpan? refresh) => new Feed(this, refresh);

    /// <summary>Adds a new device. No user code runs and nothing is scheduled.</summary>
    public void Add(Link link)
    {
        lock (gate)
        {
            links.Add(link);
            foreach (var subscription in subscriptions)
                subscription.Add(link);
        }
    }

    /// <summary>A device has changed.</summary>
    public void Changed(Link link)
    {
        lock (gate)
        {
            foreach (var subscription in subscriptions)
                subscription.Changed(link);
        }

        Publish();
    }

    /// <summary>A device is forgotten: its current row is sent once more, and it leaves.</summary>
    public void Remove(Link link)
    {
        lock (gate)
        {
            // Most likely one of the latest.
            links.RemoveAt(links.LastIndexOf(link));
            foreach (var subscription in subscriptions)
                subscription.Remove(link);
        }
    }

    /// <summary>Sends the recorded changes.</summary>
    public void Publish()
    {
        foreach (var subscription in subscriptions)
            Publish(subscription);
    }

    /// <summary>
    /// No more changes come: each changed device is sent once more, and then the end.
    /// </summary>
    public void End()
    {
        lock (gate)
        {
            ended = true;
            foreach (var subscription in subscriptions)
                subscription.AddAll();
        }

        Publish();
    }

    private void Publish(Subscription subscription)
    {
        if (subscription.TryBeginDrain())
            observers.Run(subscription);
    }

    private sealed class Feed(DeviceFeed feed, TimeSpan? refresh) : IObservable<DeviceConnection>
    {
        public IDisposable Subscribe(IObserver<DeviceConnection> observer)
        {
            var subscription = new Subscription(feed, observer);
            bool begun;
            lock (feed.gate)
            {
                subscription.AddAll();
                // Before another thread can take the drain, and Subscribe returns first.
                begun = subscription.TryBeginDrain();
                feed.subscriptions = feed.subscriptions.Add(subscription);
            }

            // Current devices are sent before Subscribe returns.
            if (begun)
                subscription.Drain();
            subscription.Refresh(refresh);
            return subscription;
        }
    }

    private sealed class Subscription(DeviceFeed feed, IObserver<DeviceConnection> observer) : ObserverDrain<DeviceConnection>(observer)
    {
        private readonly Dictionary<Link, Row> rows = [];
        private readonly Queue<Row> due = new();
        private readonly SingleAssignmentDisposable refreshing = new();

        /// <summary>Guarded by the feed's lock, as all the queue.</summary>
        public void Add(Link link)
        {
            if (!rows.TryGetValue(link, out var row))
                rows.Add(link, row = new Row(link));
            if (row.IsDue)
                return;
            row.IsDue = true;
            due.Enqueue(row);
        }

        /// <summary>A device that has left meanwhile does not come back.</summary>
        public void Changed(Link link)
        {
            if (rows.ContainsKey(link))
                Add(link);
        }

        public void Remove(Link link)
        {
            Add(link);
            rows.Remove(link);
        }

        public void AddAll()
        {
            foreach (var link in feed.links)
                Add(link);
        }

        public void Refresh(TimeSpan? every)
        {
            if (every is not { } interval || IsOver)
                return;
            refreshing.Disposable = Observable.Interval(interval, feed.clock).Subscribe(_ =>
            {
                lock (feed.gate)
                    AddAll();
                feed.Publish(this);
            });
        }

        public override void Dispose()
        {
            refreshing.Dispose();
            base.Dispose();
        }

        protected override Lock Gate => feed.gate;

        protected override bool HasValues => due.Count > 0;

        protected override bool IsSourceEnded => feed.ended;

        /// <summary>A device without a change since the observer's last value is skipped.</summary>
        protected override bool TryDequeue(out DeviceConnection value)
        {
            while (TryDequeue(out Row row))
            {
                value = DeviceConnection.Of(row.Link);
                if (value == row.Told)
                    continue;
                row.Told = value;
                return true;
            }

            value = null!;
            return false;
        }

        protected override void Unsubscribe()
        {
            lock (feed.gate)
                feed.subscriptions = feed.subscriptions.Remove(this);
        }

        protected override void Report(Exception exception) => feed.observerFailed(exception);

        private bool TryDequeue(out Row row)
        {
            lock (feed.gate)
            {
                if (!due.TryDequeue(out row!))
                    return false;
                row.IsDue = false;
                return true;
            }
        }
    }

    /// <summary>A device as one observer last saw it.</summary>
    private sealed class Row(Link link)
    {
        public Link Link { get; } = link;

        public bool IsDue { get; set; }

        public DeviceConnection? Told { get; set; }
    }
}
