using System.Collections.Immutable;
using System.Reactive.Concurrency;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>What a <see cref="Broadcast{T}"/> gives to a new observer first.</summary>
internal enum Replay : byte
{
    Nothing,
    Latest,
    All,
}

/// <summary>
/// Carries values from inside a lock to observers outside: <see cref="Post"/> only queues them, <see cref="Publish"/>
/// delivers them. Each observer has a queue and a drain of its own, so that one which is slow or throws harms itself
/// alone; a full queue loses its oldest value.
/// </summary>
internal sealed class Broadcast<T>(IScheduler scheduler, Replay replay, int capacity, string name, IObserverFaults? faults, Lock? gate = null) : IObservable<T>
{
    private readonly Lock gate = gate ?? new();
    private readonly string name = name;
    private readonly IObserverFaults? faults = faults;
    private List<T>? all;
    private T? latest;
    private bool hasLatest;
    private ImmutableArray<Subscription> subscriptions = [];
    private volatile bool posted;
    private bool ended;
    private Exception? error;

    /// <summary>Queues a value. No user code runs and nothing is scheduled.</summary>
    public void Post(T value)
    {
        lock (gate)
        {
            if (ended)
                return;
            if (replay == Replay.Latest)
                (latest, hasLatest) = (value, true);
            if (replay == Replay.All)
                (all ??= []).Add(value);
            foreach (var subscription in subscriptions)
                subscription.Add(value, capacity);
            posted = true;
        }
    }

    /// <summary>The value is no longer replayed.</summary>
    public void Forget(T value)
    {
        lock (gate)
        {
            // Most likely one of the latest.
            if (all?.LastIndexOf(value) is { } index and >= 0)
                all.RemoveAt(index);
        }
    }

    /// <summary>Queues the end; nothing follows it.</summary>
    public void End(Exception? withError = null)
    {
        lock (gate)
            (ended, error, posted) = (true, withError, true);
    }

    /// <summary>Delivers the queued values.</summary>
    public void Publish()
    {
        if (!posted)
            return;
        posted = false;
        foreach (var subscription in subscriptions)
        {
            if (subscription.TryBeginDrain())
                subscription.Scheduler.Run(subscription);
        }
    }

    public IDisposable Subscribe(IObserver<T> observer) => Subscribe(observer, replays: true);

    /// <summary>Subscribes, perhaps without replayed values.</summary>
    /// <param name="observer">The observer.</param>
    /// <param name="replays">Whether it gets earlier values.</param>
    /// <param name="on">The scheduler that calls it. Default: that of all observers.</param>
    public IDisposable Subscribe(IObserver<T> observer, bool replays, IScheduler? on = null)
    {
        var subscription = new Subscription(this, observer, on ?? scheduler);
        bool begun;
        lock (gate)
        {
            if (replays)
                GiveEarlier(subscription);
            // Under one lock with what is replayed: else another thread's Publish takes the drain, and Subscribe
            // returns first.
            begun = subscription.TryBeginDrain();
            subscriptions = subscriptions.Add(subscription);
        }

        // Replayed values come before Subscribe returns, as with BehaviorSubject.
        if (begun)
            subscription.Drain();
        return subscription;
    }

    // Under the lock.
    private void GiveEarlier(Subscription to)
    {
        foreach (var value in all ?? [])
            to.Add(value, int.MaxValue);
        if (hasLatest)
            to.Add(latest!, int.MaxValue);
    }

    private sealed class Subscription(Broadcast<T> source, IObserver<T> observer, IScheduler scheduler) : ObserverDrain<T>(observer)
    {
        public IScheduler Scheduler => scheduler;

        // Only while there is something in it.
        private Queue<T>? queue;

        public void Add(T value, int capacity)
        {
            queue ??= new();
            if (queue.Count == capacity)
                queue.Dequeue();
            queue.Enqueue(value);
        }

        protected override Lock Gate => source.gate;

        protected override bool HasValues => queue is not null;

        protected override bool IsSourceEnded => source.ended;

        protected override Exception? Error => source.error;

        protected override bool TryDequeue(out T value)
        {
            lock (source.gate)
            {
                if (queue is not null && queue.TryDequeue(out value!))
                    return true;
                (queue, value) = (null, default!);
                return false;
            }
        }

        protected override void Unsubscribe()
        {
            lock (source.gate)
                source.subscriptions = source.subscriptions.Remove(this);
        }

        protected override void Report(Exception exception) => source.faults?.ObserverFailed(source.name, exception);
    }
}
