using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>
/// A connection over a socket, without a pipe in between: nothing is held while nothing is unread or unsent. It is ended with FIN; RST, on which a micropython-iot client may hang for ever, is kept for a peer that
/// does not even take the rest within a while.
/// </summary>
internal sealed class SocketConnection : IConnection
{
    /// <summary>How long a peer may take for the rest, at most: what it does not take by then holds up the end of a server.</summary>
    private static readonly TimeSpan MaxPatience = TimeSpan.FromSeconds(5);

    private readonly Socket socket;
    private readonly SocketReader reader;
    private readonly SocketWriter writer;
    private readonly IScheduler scheduler;
    private readonly TimeSpan patience;
    private readonly Action ended;
    private int disposed;
    private int untilEnded = 2;

    /// <summary>Owns the socket from now on.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="scheduler">The clock of its patience.</param>
    /// <param name="timeout">The timeout of its link.</param>
    /// <param name="ended">Called once, when the socket is closed and nobody serves the connection any more.</param>
    /// <exception cref="SocketException">The connection is gone already.</exception>
    public SocketConnection(Socket socket, IScheduler scheduler, TimeSpan timeout, Action ended)
    {
        (this.socket, this.scheduler, patience, this.ended) = (socket, scheduler, timeout < MaxPatience ? timeout : MaxPatience, ended);
        socket.NoDelay = true;
        SendBound.Set(socket);
        // What can be received or sent at once is, with no operation begun for it.
        socket.Blocking = false;
        RemoteEndPoint = KestrelConnection.Plain(socket.RemoteEndPoint);
        reader = new(socket);
        writer = new(socket);
    }

    public PipeReader Input => reader;

    public PipeWriter Output => writer;

    public EndPoint? RemoteEndPoint { get; }

    /// <summary>Nobody serves it any more.</summary>
    public void Served() => OneOfTwoEnded();

    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
            return;
        writer.Complete();
        if (writer.Rest is { IsCompleted: false } rest)
            _ = CloseAfterAsync(rest);
        else
            Close();
    }

    private async Task CloseAfterAsync(Task rest)
    {
        using var impatience = scheduler.Schedule(patience, () => socket.Close(timeout: 0));
        // It never fails, but what is sent may.
        await rest.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Close();
    }

    private void Close()
    {
        try
        {
            reader.Drain();
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // It was closed impatiently, or by the peer.
        }

        socket.Dispose();
        reader.Dispose();
        OneOfTwoEnded();
    }

    private void OneOfTwoEnded()
    {
        if (Interlocked.Decrement(ref untilEnded) == 0)
            ended();
    }
}
