using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace Rx.IotLink.Testing.Simulation;

/// <summary>
/// The reading end of a wire: the bytes that have come out of it and were not read yet. Like a pipe, but without its
/// locks, since everything happens on the thread of the virtual clock, on which continuations run too. It has no limit:
/// a link always reads.
/// </summary>
internal sealed class WireReader : PipeReader, IValueTaskSource<ReadResult>
{
    private const int LeastLength = 256;

    private byte[] buffer = [];
    private int start;
    private int end;
    private int examined;
    private ManualResetValueTaskSourceCore<ReadResult> read;
    private Exception? error;
    private bool ended;
    private bool canceled;
    private bool waiting;
    private bool lent;
    private bool completed;

    /// <summary>Bytes come out. <see cref="Give"/> passes them to the reader.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (completed)
            return;
        MakeRoom(bytes.Length);
        bytes.CopyTo(buffer.AsSpan(end));
        end += bytes.Length;
    }

    /// <summary>Completes a waiting read with the bytes that have come.</summary>
    public void Give()
    {
        if (waiting && (end > examined || ended || canceled))
            Finish();
    }

    /// <summary>No more bytes come: in order, or (with an error) as a reset.</summary>
    public void End(Exception? exception)
    {
        if (ended)
            return;
        (ended, error) = (true, exception);
        Give();
    }

    /// <inheritdoc/>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (TryRead(out var result))
            return new(result);
        waiting = true;
        read.Reset();
        return new(this, read.Version);
    }

    /// <inheritdoc/>
    public override bool TryRead(out ReadResult result)
    {
        if (completed || waiting || lent)
            throw new InvalidOperationException(completed ? "Nothing is read after the end of reading." : "A read is under way already.");
        // As with a socket: a reset drops unread bytes.
        if (error is not null)
            throw error;
        if (end <= examined && !ended && !canceled)
        {
            result = default;
            return false;
        }

        result = Take();
        return true;
    }

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        lent = false;
        (start, this.examined) = (consumed.GetInteger(), examined.GetInteger());
        if (start == end)
            start = end = this.examined = 0;
    }

    /// <inheritdoc/>
    public override void CancelPendingRead()
    {
        canceled = true;
        Give();
    }

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null)
    {
        completed = true;
        buffer = [];
        start = end = examined = 0;
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token) => read.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => read.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        read.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);

    private void Finish()
    {
        waiting = false;
        if (error is not null)
            read.SetException(error);
        else
            read.SetResult(Take());
    }

    private ReadResult Take()
    {
        var result = new ReadResult(new ReadOnlySequence<byte>(buffer, start, end - start), canceled, ended);
        (canceled, lent) = (false, end > start);
        return result;
    }

    /// <summary>Bytes that the reader has stay where they are, and so do their positions.</summary>
    private void MakeRoom(int length)
    {
        if (buffer.Length - end >= length)
            return;
        var from = lent ? 0 : start;
        var larger = end - from + length <= buffer.Length && !lent ? buffer : new byte[Math.Max(LeastLength, 2 * (end - from + length))];
        buffer.AsSpan(from, end - from).CopyTo(larger);
        (buffer, start, end, examined) = (larger, start - from, end - from, Math.Max(0, examined - from));
    }
}
