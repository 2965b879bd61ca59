using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Rx.IotLink;

/// <summary>
/// Awaits a read. If it has not completed, it does the rest of the work for the last bytes meanwhile: on this thread,
/// which has no other work now. Another thread will handle the next bytes.
/// </summary>
internal readonly struct AfterSuspension(ValueTask<ReadResult> reading, ServedConnection on) : ICriticalNotifyCompletion
{
    // A value task may be awaited once: both uses have the same awaiter.
    private readonly ConfiguredValueTaskAwaitable<ReadResult>.ConfiguredValueTaskAwaiter awaiter = reading.ConfigureAwait(false).GetAwaiter();

    public AfterSuspension GetAwaiter() => this;

    public bool IsCompleted => awaiter.IsCompleted;

#pragma warning disable VSTHRD002 // Asked when it has completed.
    public ReadResult GetResult() => awaiter.GetResult();
#pragma warning restore VSTHRD002

    public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

    public void UnsafeOnCompleted(Action continuation)
    {
        // A copy: the next lines may run at the same time as the continuation, which reuses the memory of this struct.
        var connection = on;
        var rest = connection.TakeRest();
        awaiter.UnsafeOnCompleted(continuation);
        rest.Run(connection);
    }
}

/// <summary>
/// What received bytes brought about for code of the application: writes to complete, lines to hand out.
/// </summary>
internal struct AfterReceipt
{
    /// <summary>The lines whose writes are to be completed.</summary>
    public LineChain Done;

    /// <summary>The inbox whose drain is to be started.</summary>
    public Inbox? Inbox;

    public readonly bool IsEmpty => Done.IsEmpty && Inbox is null;

    /// <summary>Does it on this thread.</summary>
    public readonly void Run(ServedConnection on)
    {
        if (Done.IsEmpty)
        {
            Inbox?.StartDrainHere();
            return;
        }

        // A writer that blocks must hold up no observer.
        Inbox?.StartDrain();
        Loan.Run(Done, on);
    }

    /// <summary>Does it on other threads: this one has other work.</summary>
    public readonly void RunElsewhere(ServedConnection on)
    {
        if (!Done.IsEmpty)
            Loan.Queue(Done, on);
        Inbox?.StartDrain();
    }
}
