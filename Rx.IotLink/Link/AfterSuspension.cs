using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Rx.IotLink;

/// <summary>
/// Awaits the read of a connection. If it has not completed, it does the rest of the work for the last bytes meanwhile:
/// on this thread, which has no other work now. Another thread will handle the next bytes.
/// </summary>
/// <remarks>
/// The read itself is in the connection: an awaiter is copied several times at each await, and a read is large.
/// </remarks>
internal readonly struct AfterSuspension(ServedConnection on) : ICriticalNotifyCompletion
{
    public AfterSuspension GetAwaiter() => this;

    public bool IsCompleted => on.Reading.IsCompleted;

#pragma warning disable VSTHRD002 // Asked when it has completed.
    public ReadResult GetResult() => on.Reading.GetAwaiter().GetResult();
#pragma warning restore VSTHRD002

    public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

    public void UnsafeOnCompleted(Action continuation)
    {
        // A copy: the next lines may run at the same time as the continuation, which reuses the memory of this struct.
        var connection = on;
        var rest = connection.TakeRest();
        connection.Reading.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(continuation);
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
