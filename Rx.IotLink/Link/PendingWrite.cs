using System.Reactive;
using System.Reactive.Concurrency;
using Rx.IotLink.Protocol;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>A written line, with the task or observer that waits until it is complete.</summary>
internal abstract class PendingWrite(string? text, int bytes, Delivery delivery, Ordering ordering) : OutLine(text, bytes, delivery, ordering)
{
    /// <summary>Why this link will not deliver it, if it has ended so. Set by the code that completes it.</summary>
    public Exception? Error { get; set; }

    /// <summary>
    /// Whether code of the application may go on inside <see cref="FinishHere"/>. Then only a thread that has nothing
    /// else to do calls it (<see cref="Loan"/>).
    /// </summary>
    public virtual bool GoesOnHere => false;

    /// <summary>
    /// Called once, outside the link's lock. With an error if this link will not deliver the line.
    /// </summary>
    public abstract void Finish(Exception? error);

    /// <summary>Called once instead of <see cref="Finish"/>, if <see cref="GoesOnHere"/>.</summary>
    public virtual void FinishHere() => throw new InvalidOperationException();
}

/// <summary>A line whose write is a task.</summary>
/// <param name="text">The line.</param>
/// <param name="bytes">Its length as UTF-8.</param>
/// <param name="delivery">The promise made for it.</param>
/// <param name="ordering">Whether it keeps its place.</param>
/// <param name="continuations">Where code that awaits it continues (<see cref="Continuations"/>).</param>
/// <param name="goesOnHere">
/// Whether the code that awaits it may run on the thread that completes it, as the last work there.
/// </param>
/// <param name="untilStored">Whether it completes as soon as the line is kept.</param>
internal class TaskWrite(
    string text, int bytes, Delivery delivery, Ordering ordering, IScheduler? continuations, bool goesOnHere = false, bool untilStored = false)
    : PendingWrite(text, bytes, delivery, ordering), IWork
{
    // User code must not continue inside the loop that serves the connection.
    private readonly TaskCompletionSource completion = new(goesOnHere ? TaskCreationOptions.None : Continuations.Options(continuations));

    public override bool GoesOnHere => goesOnHere;

    public override bool IsAwaited => !untilStored;

    public override bool IsDoneWhenStored => untilStored;

    public Task Task => completion.Task;

    public override void Finish(Exception? error) => Continuations.Tell(continuations, this);

    public override void FinishHere()
    {
        if (Error is null)
            completion.TrySetResult();
        else
            completion.TrySetException(Error);
    }

    /// <summary>
    /// Cancels the task. <see cref="Finish"/> is then no longer called.
    /// </summary>
    public void Cancel(WriteCancelledException cancelled) => Continuations.Inline((completion, cancelled), static s => s.completion.TrySetException(s.cancelled));

    void IWork.Run() => FinishHere();
}

/// <summary>A line that a task waits for, and that may be given up before it is sent.</summary>
internal sealed class LimitedWrite(string text, int bytes, WriteOptions options, IScheduler? continuations)
    : TaskWrite(text, bytes, options.Delivery, options.Ordering, continuations, untilStored: options.Until == WrittenUntil.Stored)
{
    public override TimeSpan? TimeToLive => options.TimeToLive;

    public override string? Key => options.Key;

    public override long Entry => options.Entry;
}

/// <summary>A line whose write has an observer.</summary>
internal sealed class ObservedWrite(
    string text, int bytes, Delivery delivery, Ordering ordering, IObserver<Unit> observer, IScheduler scheduler, IObserverFaults faults)
    : PendingWrite(text, bytes, delivery, ordering)
{
    public override bool IsAwaited => true;

    public override void Finish(Exception? error) => scheduler.Run((Write: this, error), static s => s.Write.Tell(s.error));

    // An observer without OnError throws at a failure; on an observers' thread that would end the process.
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
            faults.ObserverFailed(nameof(ILink.Write), exception);
        }
    }
}

/// <summary>A line from <see cref="ILink.Writer"/>; nothing waits for it.</summary>
internal sealed class UnobservedWrite(string text, int bytes) : PendingWrite(text, bytes, Delivery.ExactlyOnce, Ordering.Ordered)
{
    public override bool MayBeDropped => true;

    public override void Finish(Exception? error)
    {
    }
}
