using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Rx.IotLink.Transport;

/// <summary>
/// Reads a socket. While nothing is unread it holds no memory: it waits for bytes without a buffer. All unread bytes
/// are in one piece. One reader at a time.
/// </summary>
/// <remarks>
/// The next read may continue on the socket's thread, so the reader must not block.
/// </remarks>
internal sealed class SocketReader : PipeReader, IValueTaskSource<ReadResult>, IThreadPoolWorkItem, IDisposable
{
    public const int LeastBuffer = 4_096;

    private const int MostBuffer = 65_536;

    /// <summary>The bytes that are read at once, before other connections get this thread.</summary>
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

    // The last receive found all there was.
    private bool isDry;
    private bool ended;

    // Guarded by the arrival: whether the socket is awaited, whether a read waits, whether to cancel the next read, and
    // what to call when the peer has ended and all bytes are dropped.
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

    /// <summary>Receives that found nothing. For tests: each is a call of the system for nothing.</summary>
    public int EmptyReceives { get; private set; }

    /// <summary>Limits the next read, for a link that is short of memory.</summary>
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
        if (!unexamined && !ended && !isDry && thisTurn < Turn)
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
    /// Ends the reading. A read that waits fails, and further bytes are dropped until the peer has ended, or the socket
    /// is closed.
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
            // Otherwise the pending wait for the socket drains when bytes come.
            (isFree, armed) = (!armed, true);
        }

        if (fails)
            reading.SetException(Released());
        if (isFree)
            DrainOn();
    }

    /// <summary>Whether bytes were dropped since the last call.</summary>
    public bool TakeThrewAway()
    {
        var threw = threwAway;
        threwAway = false;
        return threw;
    }

    public void Dispose() => arrival.Dispose();

    /// <summary>Bytes have come, or it is this connection's turn again.</summary>
    public void Execute()
    {
        bool drains;
        lock (arrival)
        {
            drains = drained is not null;
            armed = drains;
            // A read that was cancelled meanwhile takes nothing: the next read finds the bytes.
            if (!waiting && !drains)
                return;
            waiting = false;
        }

        if (drains)
        {
            DrainOn();
            return;
        }

        isDry = false;
        try
        {
            // The read completes now in any case. If no bytes came, its result is empty, and the reader reads again.
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

    /// <summary>False: bytes have come already, or the socket is closed.</summary>
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

    /// <summary>Drops the bytes that have come, and waits for more. Only for the owner of the arrival.</summary>
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
                // Other connections get their turn.
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return;
            }
        }
        while (!TryArm());
    }

    /// <summary>
    /// Whether more bytes are left than one turn. Null: the peer has ended, or the connection is broken or closed.
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
            isDry = read < buffer!.Length - end;
            end += read;
            // The next read uses larger pieces if many bytes came together, and smaller ones if few came.
            if (!isDry)
                nextBuffer = Math.Min(2 * buffer.Length, MostBuffer);
            else if (thisTurn < nextBuffer / 4)
                nextBuffer = Math.Max(nextBuffer / 2, LeastBuffer);
        }

        if (error is SocketError.WouldBlock or SocketError.IOPending)
            EmptyReceives++;
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
        // Unread bytes move to the front; of a larger buffer, if they fill more than half of this one.
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
