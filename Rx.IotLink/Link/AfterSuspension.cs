using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Rx.IotLink;

/// <summary>
/// Awaits a read that has not completed, and completes a write meanwhile. The code after that write runs on this
/// thread, which has no other work now: another thread will handle the next bytes.
/// </summary>
internal readonly struct AfterSuspension(ValueTask<ReadResult> reading, TaskWrite told) : ICriticalNotifyCompletion
{
    // A value task may be awaited once: both uses have the same awaiter.
    private readonly ConfiguredValueTaskAwaitable<ReadResult>.ConfiguredValueTaskAwaiter awaiter = reading.ConfigureAwait(false).GetAwaiter();

    public AfterSuspension GetAwaiter() => this;

    public bool IsCompleted => false;

#pragma warning disable VSTHRD002 // Asked when it has completed.
    public ReadResult GetResult() => awaiter.GetResult();
#pragma warning restore VSTHRD002

    public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

    public void UnsafeOnCompleted(Action continuation)
    {
        // A copy: the next lines may run at the same time as the continuation, which reuses the memory of this struct.
        var write = told;
        awaiter.UnsafeOnCompleted(continuation);
        write.FinishHere();
    }
}
