using System.Buffers;
using System.Reactive.Concurrency;
using System.Text;
using System.Threading.Tasks.Sources;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>
/// A line that was written as bytes, and a value task that waits for it. It is reused when its task has completed.
/// </summary>
internal sealed class Utf8Write : PendingWrite, IValueTaskSource, IWork
{
    private const int MostKept = 1_024;
    private const int MostBytesKept = 256;

    private static readonly Lock Gate = new();
    private static readonly Stack<Utf8Write> Kept = new();

    // User code must not continue inside the loop that serves the connection.
    private ManualResetValueTaskSourceCore<bool> completion;
    private bool goesOnHere;
    private IScheduler? continuations;
    private byte[] utf8 = [];

    private Utf8Write()
        : base(text: null, bytes: 0, Delivery.ExactlyOnce, Ordering.Ordered)
    {
    }

    public override bool IsAwaited => true;

    public ValueTask Task => new(this, completion.Version);

    public override bool GoesOnHere => goesOnHere;

    public static Utf8Write Rent(ReadOnlySpan<byte> line, Delivery delivery, Ordering ordering, IScheduler? continuations, bool goesOnHere)
    {
        Utf8Write? write;
        lock (Gate)
            Kept.TryPop(out write);
        write ??= new Utf8Write();
        write.goesOnHere = goesOnHere;
        write.Begin(line, delivery, ordering, continuations);
        return write;
    }

    public override void CopyTo(Span<byte> output) => utf8.AsSpan(0, Bytes).CopyTo(output);

    public override void Finish(Exception? error) => Continuations.Tell(continuations, this);

    void IWork.Run() => FinishHere();

    public override void FinishHere()
    {
        if (Error is null)
            completion.SetResult(true);
        else
            completion.SetException(Error);
    }

    void IValueTaskSource.GetResult(short token)
    {
        completion.GetResult(token);
        if (MayBeUsedAgain)
            Return();
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => completion.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        completion.OnCompleted(continuation, state, token, flags);

    protected override string MakeText() => Encoding.UTF8.GetString(utf8, 0, Bytes);

    private void Begin(ReadOnlySpan<byte> line, Delivery delivery, Ordering ordering, IScheduler? on)
    {
        (continuations, completion.RunContinuationsAsynchronously) = (on, on is null && !goesOnHere);
        if (utf8.Length < line.Length)
            utf8 = ArrayPool<byte>.Shared.Rent(line.Length);
        line.CopyTo(utf8);
        (Bytes, Delivery, Ordering, Record) = (line.Length, delivery, ordering, 0);
        (Outcome, Error, MayBeUsedAgain, WasPutBack, Expires) = (null, null, false, false, null);
    }

    private void Return()
    {
        // Value tasks of its last use are no longer valid.
        completion.Reset();
        if (utf8.Length > MostBytesKept)
        {
            ArrayPool<byte>.Shared.Return(utf8);
            utf8 = [];
        }

        lock (Gate)
        {
            if (Kept.Count < MostKept)
                Kept.Push(this);
        }
    }
}
