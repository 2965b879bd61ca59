using System.Reactive;
using System.Reactive.Concurrency;
using Rx.IotLink.Protocol;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>A line on its way, and who wants to know when it is done.</summary>
internal abstract class PendingWrite(string? text, int bytes, Delivery delivery, Ordering ordering) : OutLine(text, bytes, delivery, ordering)
{
    /// <summary>Why it will not be delivered by this link, if it is done and will not. Set by who tells it.</summary>
    public Exception? Error { get; set; }

    /// <summary>
    /// Called once, outside the link's lock. An error if the line will not be delivered by this link.
    /// </summary>
    public abstract void Finish(Exception? error);
}

/// <summary>A line that a task waits for.</summary>
/// <param name="text">The line.</param>
/// <param name="bytes">Its length as UTF-8.</param>
/// <param name="delivery">The promise made for it.</param>
/// <param name="ordering">Whether it keeps its place.</param>
/// <param name="continuations">Where whoever waits for it goes on (<see cref="Continuations"/>).</param>
/// <param name="isAlone">
/// Whether nothing else was on its way when it was written: then whoever waits for it may be called on the thread that
/// tells, as the last thing there.
/// </param>
/// <param name="untilStored">Whether it is done as soon as it is kept.</param>
internal sealed class TaskWrite(
    string text, int bytes, Delivery delivery, Ordering ordering, IScheduler? continuations, bool isAlone = false, bool untilStored = false)
    : PendingWrite(text, bytes, delivery, ordering), IThreadPoolWorkItem, IWork
{
    // User code continues elsewhere than in the loop that serves the connection.
    private readonly TaskCompletionSource completion = new(isAlone ? TaskCreationOptions.None : Continuations.Options(continuations));

    public bool IsAlone => isAlone;

    public override bool IsAwaited => !untilStored;

    public override bool IsDoneWhenStored => untilStored;

    public Task Task => completion.Task;

    public override void Finish(Exception? error)
    {
        if (isAlone)
            PoolWork.Run(this);
        else
            Continuations.Tell(continuations, this);
    }

    /// <summary>Tells whoever waits, on this very thread if it was alone.</summary>
    public void FinishHere()
    {
        if (Error is null)
            completion.TrySetResult();
        else
            completion.TrySetException(Error);
    }

    /// <summary>
    /// Tells whoever waits that it was cancelled. Instead of <see cref="Finish"/>, which is not called any more.
    /// </summary>
    public void Cancel(WriteCancelledException cancelled) => Continuations.Inline((completion, cancelled), static s => s.completion.TrySetException(s.cancelled));

    void IThreadPoolWorkItem.Execute() => FinishHere();

    void IWork.Run() => FinishHere();
}

/// <summary>A line that an observer waits for.</summary>
internal sealed class ObservedWrite(
    string text, int bytes, Delivery delivery, Ordering ordering, IObserver<Unit> observer, IScheduler scheduler, Action<string, Exception> observerFailed)
    : PendingWrite(text, bytes, delivery, ordering)
{
    public override bool IsAwaited => true;

    public override void Finish(Exception? error) => scheduler.Run((Write: this, error), static s => s.Write.Tell(s.error));

    // An observer without OnError throws at a failure: on a thread of observers that would end the process.
    private void Tell(Exception? error)
    {
        try
        {
            if (error is null)
            {
                observer.OnNext(Unit.Default);
                observer.OnCompleted();
            }
            else
            {
                observer.OnError(error);
            }
        }
        catch (Exception exception)
        {
            observerFailed(nameof(ILink.Write), exception);
        }
    }
}

/// <summary>A line that nobody waits for: it came through <see cref="ILink.Writer"/>.</summary>
internal sealed class UnobservedWrite(string text, int bytes) : PendingWrite(text, bytes, Delivery.ExactlyOnce, Ordering.Ordered)
{
    public override bool MayBeDropped => true;

    public override void Finish(Exception? error)
    {
    }
}
