using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace Rx.IotLink.Testing.Simulation;

/// <summary>
/// The writing end of a wire: a pipe writer without a pipe, since the bytes leave at once. A flush waits, like that of
/// a socket, while too many bytes are on their way. Continuations run on the thread of the virtual clock.
/// </summary>
internal sealed class WireWriter(Wire wire) : PipeWriter, IValueTaskSource<FlushResult>
{
    private readonly ArrayBufferWriter<byte> written = new();
    private ManualResetValueTaskSourceCore<FlushResult> flushed;
    private bool flushing;
    private bool completed;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => written.WrittenCount;

    public override void Advance(int bytes) => written.Advance(bytes);

    public override Memory<byte> GetMemory(int sizeHint = 0) => written.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => written.GetSpan(sizeHint);

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        Push();
        Push(source.Span);
        return Flush();
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        Push();
        return Flush();
    }

    public override void CancelPendingFlush() => EndFlush(isCanceled: true);

    public override void Complete(Exception? exception = null)
    {
        if (completed)
            return;
        Push();
        completed = true;
        wire.Send([]);
        EndFlush(isCanceled: false);
    }

    /// <summary>There is room again, or there is no reader any more.</summary>
    public void EndFlush(bool isCanceled)
    {
        if (!flushing)
            return;
        flushing = false;
        flushed.SetResult(Result(isCanceled));
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token) => flushed.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => flushed.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        flushed.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);

    private static FlushResult Result(bool isCanceled) => new(isCanceled, isCompleted: false);

    private ValueTask<FlushResult> Flush()
    {
        if (!wire.IsFull)
            return new(Result(isCanceled: false));
        if (flushing)
            throw new InvalidOperationException("A flush is under way already.");
        flushing = true;
        flushed.Reset();
        return new(this, flushed.Version);
    }

    private void Push()
    {
        Push(written.WrittenSpan);
        written.ResetWrittenCount();
    }

    private void Push(ReadOnlySpan<byte> bytes)
    {
        // An empty send would be the end.
        if (bytes.Length > 0 && !completed)
            wire.Send(bytes.ToArray());
    }
}
