using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>
/// Calls one observer, outside every lock and from one thread at a time: with each waiting value, then once with the
/// end. An observer that throws is unsubscribed and reported; other observers are not affected.
/// </summary>
/// <remarks>
/// The derived class holds the waiting values and bounds them. It guards them with <see cref="Gate"/>.
/// </remarks>
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

    /// <summary>Delivers the waiting values, after <see cref="TryBeginDrain"/> returned true.</summary>
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

    /// <summary>Whether the observer was unsubscribed or has got the end.</summary>
    protected bool IsOver => over;

    /// <summary>Guards the waiting values, and whether the source has ended.</summary>
    protected abstract Lock Gate { get; }

    /// <summary>Whether a value waits. Under the lock.</summary>
    protected abstract bool HasValues { get; }

    /// <summary>Whether no value can follow the waiting ones. Under the lock.</summary>
    protected abstract bool IsSourceEnded { get; }

    /// <summary>The error of the source, when it has ended. Null: it completed.</summary>
    protected virtual Exception? Error => null;

    /// <summary>Takes the next value. False: there is none. Takes the lock.</summary>
    protected abstract bool TryDequeue(out T value);

    /// <summary>Removes the observer from the source's list. Takes the lock.</summary>
    protected abstract void Unsubscribe();

    /// <summary>Reports the observer's exception. No lock is held.</summary>
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
                // After the end this drain does not finish, so that the end is delivered once.
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
