using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Rx.IotLink.Transport;

/// <summary>
/// Reads a socket. While nothing is unread it holds no memory: it waits for bytes without a buffer to put them in. All
/// that is unread lies in one piece. One reader at a time.
/// </summary>
/// <remarks>
/// The next read may continue on the thread that heard from the socket, so whoever reads must not block.
/// </remarks>
internal sealed class SocketReader : PipeReader, IValueTaskSource<ReadResult>, IThreadPoolWorkItem, IDisposable
{
    public const int LeastBuffer = 4_096;

    private const int MostBuffer = 65_536;

    /// <summary>Bytes that are read in one go, before other connections have their turn on this thread.</summary>
    private const int Turn = 262_144;

    private readonly Socket socket;
    private readonly Arrival arrival;
    private ManualResetValueTaskSourceCore<ReadResult> reading;
    private byte[]? buffer;
    private int start;
    private int end;
    private int nextBuffer = LeastBuffer;
    private int thisTurn;
    private bool unexamined;
    private bool ended;

    // Guarded by the arrival: whether it is awaited from the socket, whether a read waits for it, whether the next read
    // is to be cancelled, and who is told that the peer has ended, once all is thrown away.
    private bool armed;
    private bool waiting;
    private bool cancelled;
    private Action? drained;
    private volatile bool threwAway;

    public SocketReader(Socket socket)
    {
        this.socket = socket;
        arrival = new(this);
    }

    /// <summary>The most that the next read may take, unless it takes less: a reader that is short of memory.</summary>
    public void LimitNext(long bytes) => nextBuffer = (int)Math.Max(LeastBuffer, Math.Min(nextBuffer, bytes));

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (TryTakeCancellation() is { } result || TryRead(out result))
                return new(result);
            if (cancellationToken.CanBeCanceled)
                return ReadCancellablyAsync(cancellationToken);
            reading.Reset();
            var turnIsOver = thisTurn >= Turn;
            thisTurn = 0;
            lock (arrival)
            {
                if (cancelled)
                    continue;
                if (drained is not null)
                    return ValueTask.FromException<ReadResult>(Released());
                waiting = true;
                if (armed)
                    return new(this, reading.Version);
                armed = true;
            }

            if (turnIsOver)
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            else if (!TryArm())
                Execute();
            return new(this, reading.Version);
        }
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!unexamined && !ended && thisTurn < Turn)
            Receive();
        result = Unread(isCanceled: false);
        return unexamined || ended;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (buffer is null)
            return;
        var unread = new ReadOnlySequence<byte>(buffer, start, end - start);
        unexamined = unread.GetOffset(examined) < unread.GetOffset(unread.End);
        start += (int)(unread.GetOffset(consumed) - unread.GetOffset(unread.Start));
        if (start == end)
            Release();
    }

    public override void CancelPendingRead()
    {
        lock (arrival)
        {
            if (!waiting)
            {
                cancelled = true;
                return;
            }

            waiting = false;
        }

        reading.SetResult(Unread(isCanceled: true));
    }

    public override void Complete(Exception? exception = null)
    {
        ended = true;
        Release();
    }

    /// <summary>
    /// Ends the reading: a read that waits fails, and what comes is taken and thrown away until the peer has ended, or
    /// the socket is closed.
    /// </summary>
    /// <param name="ended">Called once then, perhaps at once.</param>
    public void Drain(Action ended)
    {
        bool fails;
        bool isFree;
        lock (arrival)
        {
            drained = ended;
            (fails, waiting) = (waiting, false);
            // Else whoever waits for the socket drains when it hears from it.
            (isFree, armed) = (!armed, true);
        }

        if (fails)
            reading.SetException(Released());
        if (isFree)
            DrainOn();
    }

    /// <summary>Whether bytes were thrown away since this was last asked.</summary>
    public bool TakeThrewAway()
    {
        var threw = threwAway;
        threwAway = false;
        return threw;
    }

    public void Dispose() => arrival.Dispose();

    /// <summary>Something has come, or it is this connection's turn again.</summary>
    public void Execute()
    {
        bool drains;
        lock (arrival)
        {
            drains = drained is not null;
            armed = drains;
            // A read that was cancelled meanwhile takes nothing: the next will find it.
            if (!waiting && !drains)
                return;
            waiting = false;
        }

        if (drains)
        {
            DrainOn();
            return;
        }

        try
        {
            // For nothing at all it does not complete; whoever reads is told that there is nothing, and reads again.
            TryRead(out var result);
            reading.SetResult(result);
        }
        catch (IOException exception)
        {
            reading.SetException(exception);
        }
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token) => reading.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => reading.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        reading.OnCompleted(continuation, state, token, flags);

    /// <summary>False: bytes are there already, or the socket is closed.</summary>
    private bool TryArm()
    {
        try
        {
            return socket.ReceiveAsync(arrival);
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Only TLS reads so; a link cancels by <see cref="CancelPendingRead"/>.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> ReadCancellablyAsync(CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.UnsafeRegister(static r => ((SocketReader)r!).CancelPendingRead(), this);
        var result = await ReadAsync(CancellationToken.None).ConfigureAwait(false);
        if (result.IsCanceled)
            cancellationToken.ThrowIfCancellationRequested();
        return result;
    }

    /// <summary>Throws away what is there, and waits for more. Only by whoever has the arrival.</summary>
    private void DrainOn()
    {
        do
        {
            if (ThrowAway() is not { } isMore)
            {
                drained!();
                return;
            }

            if (isMore)
            {
                // Others have their turn.
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return;
            }
        }
        while (!TryArm());
    }

    /// <summary>
    /// Whether there is more than one turn of it. Null: the peer has ended, or the connection is broken or closed.
    /// </summary>
    private bool? ThrowAway()
    {
        var rest = ArrayPool<byte>.Shared.Rent(LeastBuffer);
        try
        {
            for (var taken = 0; taken < Turn;)
            {
                var read = socket.Receive(rest, 0, rest.Length, SocketFlags.None, out var error);
                if (error is SocketError.WouldBlock or SocketError.IOPending)
                    return false;
                if (error != SocketError.Success || read == 0)
                    return null;
                taken += read;
                threwAway = true;
            }

            return true;
        }
        catch (ObjectDisposedException)
        {
            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rest);
        }
    }

    private static IOException Released() => new("The connection was released.");

    private ReadResult? TryTakeCancellation()
    {
        lock (arrival)
        {
            if (!cancelled)
                return null;
            cancelled = false;
        }

        return Unread(isCanceled: true);
    }

    private ReadResult Unread(bool isCanceled) =>
        new(buffer is null ? ReadOnlySequence<byte>.Empty : new ReadOnlySequence<byte>(buffer, start, end - start), isCanceled, ended);

    private void Receive()
    {
        MakeRoom();
        int read;
        SocketError error;
        try
        {
            read = socket.Receive(buffer!, end, buffer!.Length - end, SocketFlags.None, out error);
        }
        catch (ObjectDisposedException)
        {
            (read, error) = (0, SocketError.OperationAborted);
        }

        if (error == SocketError.Success)
        {
            ended = read == 0;
            unexamined = read > 0;
            thisTurn += read;
            // Much comes: the next time in larger pieces.
            nextBuffer = read == buffer!.Length - end ? Math.Min(2 * buffer.Length, MostBuffer) : LeastBuffer;
            end += read;
        }

        if (start == end)
            Release();
        if (error is not (SocketError.Success or SocketError.WouldBlock or SocketError.IOPending))
            throw new IOException(new SocketException((int)error).Message, new SocketException((int)error));
    }

    private void MakeRoom()
    {
        if (buffer is null)
        {
            buffer = ArrayPool<byte>.Shared.Rent(nextBuffer);
            return;
        }

        if (end < buffer.Length)
            return;
        // What is unread moves to the front, of a larger buffer if it fills more than half of this one.
        var unread = end - start;
        var next = unread > buffer.Length / 2 ? ArrayPool<byte>.Shared.Rent(2 * buffer.Length) : buffer;
        buffer.AsSpan(start, unread).CopyTo(next);
        if (next != buffer)
            ArrayPool<byte>.Shared.Return(buffer);
        (buffer, start, end) = (next, 0, unread);
    }

    private void Release()
    {
        if (buffer is not null)
            ArrayPool<byte>.Shared.Return(buffer);
        (buffer, start, end) = (null, 0, 0);
    }

    /// <summary>Waits for bytes, without a buffer.</summary>
    private sealed class Arrival(SocketReader reader) : SocketAsyncEventArgs(true)
    {
        protected override void OnCompleted(SocketAsyncEventArgs e) => reader.Execute();
    }
}
