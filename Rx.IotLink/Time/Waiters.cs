using System.Reactive.Concurrency;

namespace Rx.IotLink.Time;

/// <summary>Those who wait for one event, by tasks. One who gives up leaves nothing behind.</summary>
/// <param name="gate">The owner's lock, which guards this. Nobody is told under it.</param>
/// <param name="continuations">Where those go on who are told (<see cref="Continuations"/>).</param>
internal sealed class Waiters<T>(Lock gate, IScheduler? continuations)
{
    private readonly LinkedList<Waiter<T>> waiting = new();

    /// <summary>Under the lock.</summary>
    public bool IsEmpty => waiting.Count == 0;

    /// <summary>
    /// One who is going to wait. Not under the lock: a token that is cancelled already calls back at once.
    /// </summary>
    public Waiter<T> Make(CancellationToken cancellationToken)
    {
        var waiter = new Waiter<T>(continuations);
        waiter.GiveUpWhen(GaveUp, cancellationToken);
        return waiter;
    }

    /// <summary>Lets one wait, who may have given up already. Under the lock.</summary>
    public void Add(Waiter<T> waiter)
    {
        if (!waiter.IsSettled)
            waiter.Place = waiting.AddLast(waiter);
    }

    /// <summary>The one who has waited longest, who waits here no more. Under the lock.</summary>
    public Waiter<T>? TakeFirst()
    {
        if (waiting.First is not { } first)
            return null;
        Forget(first.Value);
        return first.Value;
    }

    /// <summary>All, who wait here no more. Under the lock.</summary>
    public IReadOnlyList<Waiter<T>> TakeAll()
    {
        Waiter<T>[] all = [.. waiting];
        foreach (var waiter in all)
            Forget(waiter);
        return all;
    }

    /// <summary>Lets one go, if it waits here. Under the lock.</summary>
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

/// <summary>One who waits: a task that ends once, whoever comes first.</summary>
internal sealed class Waiter<T>(IScheduler? continuations) : IWork
{
    private readonly TaskCompletionSource<T> completion = new(Continuations.Options(continuations));
    private int settled;
    private T? result;
    private Exception? error;
    private CancellationTokenRegistration cancellation;

    public Task<T> Task => completion.Task;

    public bool IsSettled => Volatile.Read(ref settled) != 0;

    /// <summary>Guarded by the lock of those among whom it waits.</summary>
    public LinkedListNode<Waiter<T>>? Place { get; set; }

    /// <summary>False: it has given up, or was told otherwise.</summary>
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

    /// <summary>Gives up when the token says so. Before it waits anywhere, and before anybody can tell it.</summary>
    /// <param name="gaveUp">Takes it from where it waits.</param>
    /// <param name="token">What says so.</param>
    public void GiveUpWhen(Action<Waiter<T>> gaveUp, CancellationToken token)
    {
        if (token.CanBeCanceled)
            cancellation = token.UnsafeRegister((_, cancelled) => GiveUp(gaveUp, cancelled), state: null);
    }

    /// <summary>Whoever cancels has called, and finds the task cancelled when that call returns.</summary>
    private void GiveUp(Action<Waiter<T>> gaveUp, CancellationToken cancelled)
    {
        if (!TrySettle())
            return;
        gaveUp(this);
        Continuations.Inline((completion, cancelled), static s => s.completion.TrySetCanceled(s.cancelled));
    }

    /// <summary>Gives up now, for a reason.</summary>
    public void GiveUp(Exception reason)
    {
        if (TrySettle())
            Continuations.Inline((completion, reason), static s => s.completion.TrySetException(s.reason));
    }

    void IWork.Run()
    {
        // Does not wait for a callback that is under way: that one has lost.
        cancellation.Unregister();
        if (error is null)
            completion.TrySetResult(result!);
        else
            completion.TrySetException(error);
    }

    private bool TrySettle() => Interlocked.Exchange(ref settled, 1) == 0;
}
