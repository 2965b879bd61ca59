using System.Collections.Immutable;
using System.Reactive.Concurrency;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>
/// The lines that wait for the application. One drain at a time hands each to all observers and to one waiting reader, and only then
/// reports it accepted (and whether more wait); without an observer or reader, lines wait.
/// </summary>
internal sealed class Inbox(int capacity, IScheduler scheduler, Action<bool> accepted, Action<Exception> observerFailed) : IObservable<string>
{
    private readonly Lock gate = new();
    private readonly Action<Exception> observerFailed = observerFailed;
    private readonly Queue<(string Text, Delivery Delivery)> lines = new();
    private int bestEffort;
    private readonly Queue<TaskCompletionSource<string>> readers = new();
    private ImmutableArray<Subscription> observers = [];
    private bool draining;
    private bool ended;
    private Exception? error;
    private Func<Exception> readersError = () => new InvalidOperationException();

    public int Count
    {
        get
        {
            lock (gate)
                return lines.Count;
        }
    }

    /// <summary>Takes a line if there is room among its kind, so that neither takes the other's. No user code runs and nothing is scheduled.</summary>
    public bool TryAdd(string line, Delivery delivery)
    {
        lock (gate)
        {
            var isBestEffort = delivery == Delivery.BestEffort;
            if (ended || (isBestEffort ? bestEffort : lines.Count - bestEffort) >= capacity)
                return false;
            bestEffort += isBestEffort ? 1 : 0;
            lines.Enqueue((line, delivery));
            return true;
        }
    }

    /// <summary>The last lines are gone with the end: they were not accepted, so the peer still has them.</summary>
    public void End(Exception? withError, Func<Exception> forReaders)
    {
        lock (gate)
        {
            (ended, error, readersError) = (true, withError, forReaders);
            lines.Clear();
            bestEffort = 0;
        }
    }

    /// <summary>Has what waits delivered.</summary>
    public void Kick()
    {
        lock (gate)
        {
            if (draining || !HasWork)
                return;
            draining = true;
        }

        scheduler.Run(this, static inbox => inbox.Drain());
    }

    public IDisposable Subscribe(IObserver<string> observer)
    {
        var subscription = new Subscription(this, observer);
        lock (gate)
            observers = observers.Add(subscription);
        Kick();
        return subscription;
    }

    public async Task<string> ReadAsync(CancellationToken cancellationToken)
    {
        // User code continues elsewhere than in the drain.
        var reader = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (gate)
        {
            while (readers.TryPeek(out var cancelled) && cancelled.Task.IsCompleted)
                readers.Dequeue();
            readers.Enqueue(reader);
        }

        Kick();
        using var registration = cancellationToken.Register(() => reader.TrySetCanceled(cancellationToken));
        return await reader.Task.ConfigureAwait(false);
    }

    private bool HasWork => (ended || lines.Count > 0) && (observers.Length > 0 || readers.Count > 0);

    private void Drain()
    {
        while (TryNext(out var line, out var toObservers))
        {
            // Whoever left in this very moment takes nothing: the line is then another's, or stays.
            var taken = GiveToReader(line);
            foreach (var observer in toObservers)
                taken |= observer.TryOnNext(line);
            if (taken && TryRemoveFirst(out var more))
                accepted(more);
        }
    }

    private bool TryNext(out string line, out ImmutableArray<Subscription> toObservers)
    {
        ImmutableArray<Subscription> atEnd;
        TaskCompletionSource<string>[] unread;
        lock (gate)
        {
            (line, toObservers) = (lines.Count > 0 ? lines.Peek().Text : "", observers);
            if (HasWork && !ended)
                return true;
            draining = false;
            if (!ended)
                return false;
            (atEnd, observers) = (observers, []);
            unread = [.. readers];
            readers.Clear();
        }

        foreach (var observer in atEnd)
            observer.OnEnd(error);
        foreach (var reader in unread)
            reader.TrySetException(readersError());
        return false;
    }

    private bool GiveToReader(string line)
    {
        while (true)
        {
            TaskCompletionSource<string>? reader;
            lock (gate)
            {
                if (!readers.TryDequeue(out reader))
                    return false;
            }

            if (reader.TrySetResult(line))
                return true;
        }
    }

    private bool TryRemoveFirst(out bool more)
    {
        lock (gate)
        {
            var removed = lines.TryDequeue(out var line);
            bestEffort -= removed && line.Delivery == Delivery.BestEffort ? 1 : 0;
            more = HasWork;
            return removed;
        }
    }

    private sealed class Subscription(Inbox inbox, IObserver<string> observer) : IDisposable
    {
        private volatile bool over;

        public bool TryOnNext(string line) => Guarded(static (o, l) => o.OnNext(l), line);

        public void OnEnd(Exception? error)
        {
            if (error is null)
                Guarded(static (o, _) => o.OnCompleted(), 0);
            else
                Guarded(static (o, e) => o.OnError(e), error);
            over = true;
        }

        public void Dispose()
        {
            over = true;
            lock (inbox.gate)
                inbox.observers = inbox.observers.Remove(this);
        }

        private bool Guarded<T>(Action<IObserver<string>, T> call, T argument)
        {
            if (over)
                return false;
            try
            {
                call(observer, argument);
            }
            catch (Exception exception)
            {
                Dispose();
                inbox.observerFailed(exception);
            }

            return true;
        }
    }
}
