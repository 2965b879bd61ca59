using System.Reactive.Concurrency;

namespace Rx.IotLink.Time;

/// <summary>The tasks that wait for one event. A task that is cancelled leaves nothing behind.</summary>
/// <param name="gate">The owner's lock, which guards this. No task completes under it.</param>
/// <param name="continuations">Where code that awaits them continues (<see cref="Continuations"/>).</param>
internal sealed class Waiters<T>(Lock gate, IScheduler? continuations)
{
    private readonly LinkedList<Waiter<T>> waiting = new();

    /// <summary>Under the lock.</summary>
    public bool IsEmpty => waiting.Count == 0;

    /// <summary>
    /// Creates a waiter. Not under the lock: a token that is cancelled already calls back at once.
    /// </summary>
    public Waiter<T> Make(CancellationToken cancellationToken)
    {
        var waiter = new Waiter<T>(continuations);
        waiter.GiveUpWhen(GaveUp, cancellationToken);
        return waiter;
    }

    /// <summary>Adds a waiter, which may be cancelled already. Under the lock.</summary>
    public void Add(Waiter<T> waiter)
    {
        if (!waiter.IsSettled)
            waiter.Place = waiting.AddLast(waiter);
    }

    /// <summary>Removes the waiter that has waited longest. Under the lock.</summary>
    public Waiter<T>? TakeFirst()
    {
        if (waiting.First is not { } first)
            return null;
        Forget(first.Value);
        return first.Value;
    }

    /// <summary>Removes all waiters. Under the lock.</summary>
    public IReadOnlyList<Waiter<T>> TakeAll()
    {
        Waiter<T>[] all = [.. waiting];
        foreach (var waiter in all)
            Forget(waiter);
        return all;
    }

    /// <summary>Removes a waiter, if it waits here. Under the lock.</summary>
    public void Forget(Waiter<T> waiter)
    {
        if (waiter.Place is not { } place)
            return;
        waiting.Remove(place);
        waiter.Place = null;
    }

    private void GaveUp(Waiter<T> waiter)
    {
        lock (gate)
            Forget(waiter);
    }
}

/// <summary>A waiter: a task that ends once, with the first result.</summary>
internal sealed class Waiter<T>(IScheduler? continuations) : IWork
{
    private readonly TaskCompletionSource<T> completion = new(Continuations.Options(continuations));
    private int settled;
    private T? result;
    private Exception? error;
    private CancellationTokenRegistration cancellation;

    public Task<T> Task => completion.Task;

    public bool IsSettled => Volatile.Read(ref settled) != 0;

    /// <summary>Guarded by the lock of its <see cref="Waiters{T}"/>.</summary>
    public LinkedListNode<Waiter<T>>? Place { get; set; }

    /// <summary>False: it was cancelled, or has another result already.</summary>
    public bool TrySetResult(T value)
    {
        if (!TrySettle())
            return false;
        result = value;
        Continuations.Tell(continuations, this);
        return true;
    }

    /// <inheritdoc cref="TrySetResult"/>
    public bool TrySetException(Exception exception)
    {
        if (!TrySettle())
            return false;
        error = exception;
        Continuations.Tell(continuations, this);
        return true;
    }

    /// <summary>Cancels it with the token. Called before it waits anywhere, and before it can get a result.</summary>
    /// <param name="gaveUp">Removes it from where it waits.</param>
    /// <param name="token">The token.</param>
    public void GiveUpWhen(Action<Waiter<T>> gaveUp, CancellationToken token)
    {
        if (token.CanBeCanceled)
            cancellation = token.UnsafeRegister((_, cancelled) => GiveUp(gaveUp, cancelled), state: null);
    }

    /// <summary>Called by the code that cancels; the task is cancelled when the call returns.</summary>
    private void GiveUp(Action<Waiter<T>> gaveUp, CancellationToken cancelled)
    {
        if (!TrySettle())
            return;
        gaveUp(this);
        Continuations.Inline((completion, cancelled), static s => s.completion.TrySetCanceled(s.cancelled));
    }

    /// <summary>Fails it now, with a reason.</summary>
    public void GiveUp(Exception reason)
    {
        if (TrySettle())
            Continuations.Inline((completion, reason), static s => s.completion.TrySetException(s.reason));
    }

    void IWork.Run()
    {
        // Does not wait for a callback in progress: it comes too late.
        cancellation.Unregister();
        if (error is null)
            completion.TrySetResult(result!);
        else
            completion.TrySetException(error);
    }

    private bool TrySettle() => Interlocked.Exchange(ref settled, 1) == 0;
}
