using System.Net;
using System.Net.Sockets;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Rx.IotLink.Server;

/// <summary>Listens for plain TCP, on sockets of our own: a connection at rest then holds a third of what one of Kestrel's does (docs/adr/0013).</summary>
internal sealed class SocketListener : IListener
{
    /// <summary>Connections that wait to be accepted: as many as the system allows by default, since a fleet may come back all at once, and one that finds no place tries again only after a second.</summary>
    private const int Backlog = 4_096;

    /// <summary>Accepting that failed, for want of descriptors or memory, is tried again after this: at once would be without end.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly IotLinkServerOptions options;
    private readonly Func<SocketConnection, Task> serve;
    private readonly ServerLog log;
    private readonly Socket listening;
    private readonly Action ended;
    private readonly TaskCompletionSource allEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // The listener itself counts as one, so that it cannot have ended before it was stopped.
    private int open = 1;
    private volatile bool stopping;

    private SocketListener(IotLinkServerOptions options, Func<SocketConnection, Task> serve, ServerLog log, Socket listening)
    {
        (this.options, this.serve, this.log, this.listening) = (options, serve, log, listening);
        EndPoint = (IPEndPoint)listening.LocalEndPoint!;
        ended = Ended;
    }

    public IPEndPoint EndPoint { get; }

    /// <summary>Starts to listen.</summary>
    /// <exception cref="IOException">The endpoint is in use or cannot be had; the message names it.</exception>
    public static SocketListener Start(IotLinkServerOptions options, Func<SocketConnection, Task> serve, ServerLog log)
    {
        // IPv6Any is every IPv4 address too; where there is no IPv6, it is those alone.
        var address = options.Bind.Equals(IPAddress.IPv6Any) && !Socket.OSSupportsIPv6 ? IPAddress.Any : options.Bind;
        Socket? socket = null;
        try
        {
            socket = SocketTransportOptions.CreateDefaultBoundListenSocket(new IPEndPoint(address, options.Port));
            socket.Listen(Backlog);
        }
        catch (SocketException exception)
        {
            socket?.Dispose();
            var reason = exception.SocketErrorCode == SocketError.AddressAlreadyInUse ? "it is in use" : exception.Message;
            throw new IOException($"{new IPEndPoint(options.Bind, options.Port)} cannot be listened on: {reason}", exception);
        }

        var listener = new SocketListener(options, serve, log, socket);
        _ = listener.AcceptAsync();
        return listener;
    }

    public Task StopAsync()
    {
        if (!stopping)
        {
            stopping = true;
            listening.Dispose();
            Ended();
        }

        return allEnded.Task;
    }

    public void Dispose() => listening.Dispose();

    private async Task AcceptAsync()
    {
        while (!stopping)
        {
            try
            {
                var socket = await listening.AcceptAsync().ConfigureAwait(false);
                Interlocked.Increment(ref open);
                // Elsewhere: what is called on the way, a logger or the search for a key, may take its time.
                ThreadPool.UnsafeQueueUserWorkItem(static s => s.Listener.Serve(s.Socket), (Listener: this, Socket: socket), preferLocal: false);
            }
            catch (SocketException exception) when (!stopping)
            {
                // One that was reset while it waited is none; but for want of descriptors the next would fail as well.
                if (exception.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted)
                    continue;
                log.NotAccepted(exception.Message);
                await Observable.Timer(Pause, options.Scheduler).ToTask().ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private void Serve(Socket socket)
    {
        try
        {
            _ = serve(new SocketConnection(socket, options.Scheduler, options.Timeout, ended));
        }
        catch (SocketException)
        {
            // It was gone before it could be looked at.
            socket.Dispose();
            Ended();
        }
    }

    private void Ended()
    {
        if (Interlocked.Decrement(ref open) == 0)
            allEnded.SetResult();
    }
}
