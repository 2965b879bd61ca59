using System.Collections.Immutable;
using System.Reactive.Concurrency;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>What a <see cref="Broadcast{T}"/> gives to a new observer first.</summary>
internal enum Replay
{
    Nothing,
    Latest,
    All,
}

/// <summary>
/// Carries values from inside a lock to observers outside: <see cref="Post"/> only takes note, <see cref="Publish"/>
/// has them delivered. Each observer has a queue and a drain of its own, so that one which is slow or throws harms
/// itself alone; a full queue loses its oldest value.
/// </summary>
internal sealed class Broadcast<T>(IScheduler scheduler, Replay replay, int capacity, string name, Action<string, Exception> observerFailed, Lock? gate = null) : IObservable<T>
{
    private readonly Lock gate = gate ?? new();
    private readonly string name = name;
    private readonly Action<string, Exception> observerFailed = observerFailed;
    private List<T>? all;
    private T[] latest = [];
    private ImmutableArray<Subscription> subscriptions = [];
    private volatile bool posted;
    private bool ended;
    private Exception? error;

    /// <summary>Takes note of a value. No user code runs and nothing is scheduled.</summary>
    public void Post(T value)
    {
        lock (gate)
        {
            if (ended)
                return;
            if (replay == Replay.Latest)
                latest = [value];
            if (replay == Replay.All)
                (all ??= []).Add(value);
            foreach (var subscription in subscriptions)
                subscription.Add(value, capacity);
            posted = true;
        }
    }

    /// <summary>What was posted is not replayed any more.</summary>
    public void Forget(T value)
    {
        lock (gate)
        {
            // Most likely one of the latest.
            if (all?.LastIndexOf(value) is { } index and >= 0)
                all.RemoveAt(index);
        }
    }

    /// <summary>Takes note of the end: after it nothing follows.</summary>
    public void End(Exception? withError = null)
    {
        lock (gate)
            (ended, error, posted) = (true, withError, true);
    }

    /// <summary>Has what was posted delivered.</summary>
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

    /// <summary>Subscribes, perhaps without what is replayed.</summary>
    /// <param name="observer">The observer.</param>
    /// <param name="replays">Whether it is given what was before.</param>
    /// <param name="on">Where it is called. Default: where all are.</param>
    public IDisposable Subscribe(IObserver<T> observer, bool replays, IScheduler? on = null)
    {
        var subscription = new Subscription(this, observer, on ?? scheduler);
        lock (gate)
        {
            foreach (var value in replays ? all ?? (IEnumerable<T>)latest : [])
                subscription.Add(value, int.MaxValue);
            subscriptions = subscriptions.Add(subscription);
        }

        // What is replayed is given before Subscribe returns, as BehaviorSubject does.
        if (subscription.TryBeginDrain())
            subscription.Drain();
        return subscription;
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

        protected override void Report(Exception exception) => source.observerFailed(source.name, exception);
    }
}
