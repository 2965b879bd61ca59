using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>
/// Calls one observer, outside every lock and from one thread at a time: with each value that waits for it, then with
/// the end, once. An observer that throws is unsubscribed and reported; nobody else notices.
/// </summary>
/// <remarks>The derived class holds what waits, bounds it, and guards it with <see cref="Gate"/>.</remarks>
internal abstract class ObserverDrain<T>(IObserver<T> observer) : IDisposable, IWork
{
    private bool draining;
    private volatile bool over;

    /// <summary>Whether a drain must be started now; it counts as started then. Takes the lock.</summary>
    public bool TryBeginDrain()
    {
        lock (Gate)
            return !draining && !over && (HasValues || IsSourceEnded) && (draining = true);
    }

    /// <summary>Delivers what waits, after <see cref="TryBeginDrain"/> said yes.</summary>
    public void Drain()
    {
        try
        {
            while (!over && TryTake(out var value))
                observer.OnNext(value);
        }
        catch (Exception exception)
        {
            Dispose();
            Report(exception);
        }
    }

    void IWork.Run() => Drain();

    /// <summary>Unsubscribes: no call begins after this.</summary>
    public virtual void Dispose()
    {
        over = true;
        Unsubscribe();
    }

    /// <summary>Whether the observer was unsubscribed or has had the end.</summary>
    protected bool IsOver => over;

    /// <summary>Guards what waits, and whether the source has ended.</summary>
    protected abstract Lock Gate { get; }

    /// <summary>Whether anything waits. Under the lock.</summary>
    protected abstract bool HasValues { get; }

    /// <summary>Whether nothing can follow what waits. Under the lock.</summary>
    protected abstract bool IsSourceEnded { get; }

    /// <summary>What the source failed with, when it has ended. Null: it completed.</summary>
    protected virtual Exception? Error => null;

    /// <summary>Takes the next value. False: nothing waits. Takes the lock.</summary>
    protected abstract bool TryDequeue(out T value);

    /// <summary>Takes the observer from the source's list. Takes the lock.</summary>
    protected abstract void Unsubscribe();

    /// <summary>Reports what the observer threw. No lock is held.</summary>
    protected abstract void Report(Exception exception);

    private bool TryTake(out T value)
    {
        while (true)
        {
            if (TryDequeue(out value))
                return true;
            lock (Gate)
            {
                if (HasValues)
                    continue;
                // After the end it stays in this drain, so that the end is delivered once.
                draining = IsSourceEnded;
                if (!draining)
                    return false;
            }

            Dispose();
            if (Error is { } error)
                observer.OnError(error);
            else
                observer.OnCompleted();
            return false;
        }
    }
}
