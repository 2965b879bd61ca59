using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace Rx.IotLink.Server;

/// <summary>
/// Reads a socket. While nothing is unread it holds no memory: it waits for bytes without a buffer to put them in. All that is unread lies in one piece. One reader at a time.
/// </summary>
/// <remarks>The next read may continue on the thread that heard from the socket, so whoever reads must not block.</remarks>
internal sealed class SocketReader : PipeReader, IValueTaskSource<ReadResult>, IThreadPoolWorkItem, IDisposable
{
    private const int LeastBuffer = 4_096;
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

    // Guarded by the arrival: whether it is awaited from the socket, whether a read waits for it, whether the next read is to be cancelled.
    private bool armed;
    private bool waiting;
    private bool cancelled;

    public SocketReader(Socket socket)
    {
        this.socket = socket;
        arrival = new(this);
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (TryTakeCancellation() is { } result || TryRead(out result))
                return new(result);
            reading.Reset();
            var turnIsOver = thisTurn >= Turn;
            thisTurn = 0;
            lock (arrival)
            {
                if (cancelled)
                    continue;
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

    /// <summary>Takes what has come unread: closed over it, a socket resets the connection.</summary>
    public void Drain()
    {
        var rest = ArrayPool<byte>.Shared.Rent(LeastBuffer);
        for (var taken = 0; taken < Turn && socket.Receive(rest, 0, rest.Length, SocketFlags.None, out _) is var read and > 0; taken += read)
        {
        }

        ArrayPool<byte>.Shared.Return(rest);
    }

    public void Dispose() => arrival.Dispose();

    /// <summary>Something has come, or it is this connection's turn again.</summary>
    public void Execute()
    {
        lock (arrival)
        {
            armed = false;
            // A read that was cancelled meanwhile takes nothing: the next will find it.
            if (!waiting)
                return;
            waiting = false;
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
