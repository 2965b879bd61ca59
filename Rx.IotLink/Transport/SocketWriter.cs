using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Rx.IotLink.Transport;

/// <summary>
/// Writes to a socket. Bytes that the socket takes at once need no wait. One writer at a time.
/// </summary>
internal sealed class SocketWriter(Socket socket) : PipeWriter
{
    private const int LeastBuffer = 256;

    private byte[]? buffer;
    private int length;
    private bool completed;

    /// <summary>
    /// A send in progress, or the last one that had to wait; its end may be the end of the output. Null: no send ever
    /// had to wait.
    /// </summary>
    public Task? Unsent { get; private set; }

    /// <summary>Calls of the system that sent bytes, without those that had to wait. For tests.</summary>
    public int Sends { get; private set; }

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => length;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        MakeRoom(Math.Max(sizeHint, 1));
        return buffer.AsMemory(length);
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes) => length += bytes;

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (length == 0)
            return default;
        var bytes = buffer.AsMemory(0, length);
        var sent = Send(bytes.Span);
        if (sent == length)
        {
            Release();
            return default;
        }

        return WaitAsync(bytes[sent..]);
    }

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        if (length > 0)
        {
            this.Write(source.Span);
            return FlushAsync(cancellationToken);
        }

        var sent = Send(source.Span);
        return sent == source.Length ? default : WaitAsync(source[sent..]);
    }

    /// <summary>
    /// Sends what is left and ends the output (FIN). It does not wait for a peer that is slow to take it: see
    /// <see cref="Unsent"/>.
    /// </summary>
    public override void Complete(Exception? exception = null)
    {
        if (completed)
            return;
        completed = true;
        if (Unsent is { IsCompleted: false })
            Unsent = EndAsync(Unsent);
        else
            Unsent = EndAsync(Task.CompletedTask);
    }

    public override ValueTask CompleteAsync(Exception? exception = null)
    {
        Complete(exception);
        return default;
    }

    public override void CancelPendingFlush()
    {
        // Never called: disposing the connection ends a send that hangs.
    }

    private async Task EndAsync(Task before)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            await FlushAsync().ConfigureAwait(false);
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException)
        {
            // The connection is broken already, so it has ended.
        }
    }

    private int Send(ReadOnlySpan<byte> bytes)
    {
        var sent = 0;
        while (sent < bytes.Length)
        {
            var taken = socket.Send(bytes[sent..], SocketFlags.None, out var error);
            if (error is SocketError.WouldBlock or SocketError.IOPending)
                break;
            if (error != SocketError.Success)
                throw new IOException(new SocketException((int)error).Message, new SocketException((int)error));
            sent += taken;
            Sends++;
        }

        return sent;
    }

    private async ValueTask<FlushResult> WaitAsync(ReadOnlyMemory<byte> bytes)
    {
        var waiting = SendAsync(bytes);
        Unsent = waiting;
        await waiting.ConfigureAwait(false);
        return default;
    }

    private async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            while (!bytes.IsEmpty)
                bytes = bytes[await socket.SendAsync(bytes, SocketFlags.None).ConfigureAwait(false)..];
            Release();
        }
        catch (SocketException exception)
        {
            throw new IOException(exception.Message, exception);
        }
    }

    private void MakeRoom(int bytes)
    {
        if (buffer is null)
        {
            buffer = ArrayPool<byte>.Shared.Rent(Math.Max(bytes, LeastBuffer));
            return;
        }

        if (buffer.Length - length >= bytes)
            return;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(2 * buffer.Length, length + bytes));
        buffer.AsSpan(0, length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        buffer = larger;
    }

    private void Release()
    {
        if (buffer is not null)
            ArrayPool<byte>.Shared.Return(buffer);
        (buffer, length) = (null, 0);
    }
}
