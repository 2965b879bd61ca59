using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Rx.IotLink;

/// <summary>
/// Awaits a read that has not completed, and tells a writer meanwhile: its code runs on a thread that has nothing else
/// to do any more, since the next bytes are taken care of by another.
/// </summary>
internal readonly struct AfterSuspension(ValueTask<ReadResult> reading, TaskWrite told) : ICriticalNotifyCompletion
{
    // A value task may be awaited once: these are two looks at the same awaiter.
    private readonly ConfiguredValueTaskAwaitable<ReadResult>.ConfiguredValueTaskAwaiter awaiter = reading.ConfigureAwait(false).GetAwaiter();

    public AfterSuspension GetAwaiter() => this;

    public bool IsCompleted => false;

#pragma warning disable VSTHRD002 // Asked when it has completed.
    public ReadResult GetResult() => awaiter.GetResult();
#pragma warning restore VSTHRD002

    public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

    public void UnsafeOnCompleted(Action continuation)
    {
        // Held here: what follows may run at the same time as the continuation, which uses the place of this again.
        var write = told;
        awaiter.UnsafeOnCompleted(continuation);
        write.FinishHere();
    }
}
