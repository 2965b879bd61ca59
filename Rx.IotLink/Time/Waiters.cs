using System.Reactive.Concurrency;

namespace Rx.IotLink.Time;

/// <summary>The tasks that wait for one event. A task that is cancelled leaves nothing behind.</summary>
/// <param name="gate">The owner's lock, which guards this. No task completes under it.</param>
/// <param name="continuations">Where code that awaits them continues (<see cref="Continuations"/>).</param>
internal sealed class Waiters<T>(Lock gate, IScheduler? continuations)
{
    // Linked through the waiters themselves: a reader makes one for each line.
    private Waiter<T>? first;
    private Waiter<T>? last;

    // Made once, and not for each waiter.
    private Action<Waiter<T>>? gaveUp;

    /// <summary>Under the lock.</summary>
    public bool IsEmpty => first is null;

    /// <summary>
    /// Creates a waiter. Not under the lock: a token that is cancelled already calls back at once.
    /// </summary>
    public Waiter<T> Make(CancellationToken cancellationToken)
    {
        var waiter = new Waiter<T>(continuations);
        waiter.GiveUpWhen(gaveUp ??= GaveUp, cancellationToken);
        return waiter;
    }

    /// <summary>Adds a waiter, which may be cancelled already. Under the lock.</summary>
    public void Add(Waiter<T> waiter)
    {
        if (waiter.IsSettled)
            return;
        (waiter.Before, waiter.Waits) = (last, true);
        if (last is null)
            first = waiter;
        else
            last.After = waiter;
        last = waiter;
    }

    /// <summary>Removes the waiter that has waited longest. Under the lock.</summary>
    public Waiter<T>? TakeFirst()
    {
        var taken = first;
        if (taken is not null)
            Forget(taken);
        return taken;
    }

    /// <summary>Removes all waiters. Under the lock.</summary>
    public IReadOnlyList<Waiter<T>> TakeAll()
    {
        List<Waiter<T>> all = [];
        while (TakeFirst() is { } waiter)
            all.Add(waiter);
        return all;
    }

    /// <summary>Removes a waiter, if it waits here. Under the lock.</summary>
    public void Forget(Waiter<T> waiter)
    {
        if (!waiter.Waits)
            return;
        if (waiter.Before is null)
            first = waiter.After;
        else
            waiter.Before.After = waiter.After;
        if (waiter.After is null)
            last = waiter.Before;
        else
            waiter.After.Before = waiter.Before;
        (waiter.Before, waiter.After, waiter.Waits) = (null, null, false);
    }

    private void GaveUp(Waiter<T> waiter)
    {
        lock (gate)
            Forget(waiter);
    }
}

/// <summary>A waiter: a task that ends once, with the first result.</summary>
internal sealed class Waiter<T>(IScheduler? continuations)
{
    private readonly TaskCompletionSource<T> completion = new(Continuations.Options(continuations));
    private int settled;
    private CancellationTokenRegistration cancellation;

    public Task<T> Task => completion.Task;

    public bool IsSettled => Volatile.Read(ref settled) != 0;

    /// <summary>
    /// Whether it is in its <see cref="Waiters{T}"/>, and its neighbours there. Guarded by the lock of those.
    /// </summary>
    public bool Waits { get; set; }

    public Waiter<T>? Before { get; set; }

    public Waiter<T>? After { get; set; }

    /// <summary>False: it was cancelled, or has another result already.</summary>
    public bool TrySetResult(T value)
    {
        if (!TrySettle())
            return false;
        if (continuations is null)
            Complete(value, error: null);
        else
            Continuations.Tell(continuations, new Completion(this, value, Error: null));
        return true;
    }

    /// <inheritdoc cref="TrySetResult"/>
    public bool TrySetException(Exception exception)
    {
        if (!TrySettle())
            return false;
        Continuations.Tell(continuations, new Completion(this, Value: default, exception));
        return true;
    }

    /// <summary>Cancels it with the token. Called before it waits anywhere, and before it can get a result.</summary>
    /// <param name="gaveUp">Removes it from where it waits.</param>
    /// <param name="token">The token.</param>
    public void GiveUpWhen(Action<Waiter<T>> gaveUp, CancellationToken token)
    {
        if (token.CanBeCanceled)
            cancellation = Register(gaveUp, token);
    }

    // Apart, since a method with a closure makes it even where there is nothing to register.
    private CancellationTokenRegistration Register(Action<Waiter<T>> gaveUp, CancellationToken token) =>
        token.UnsafeRegister((_, cancelled) => GiveUp(gaveUp, cancelled), state: null);

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

    private void Complete(T? value, Exception? error)
    {
        // Does not wait for a callback in progress: it comes too late.
        cancellation.Unregister();
        if (error is null)
            completion.TrySetResult(value!);
        else
            completion.TrySetException(error);
    }

    private bool TrySettle() => Interlocked.Exchange(ref settled, 1) == 0;

    /// <summary>What is done on a scheduler: rare enough to be an object of its own.</summary>
    private sealed record Completion(Waiter<T> Waiter, T? Value, Exception? Error) : IWork
    {
        public void Run() => Waiter.Complete(Value, Error);
    }
}
