using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Rx.IotLink.Time;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>A port that is open for connections, and all its connections until their sockets are closed.</summary>
internal sealed class SocketAcceptor : IDisposable
{
    /// <summary>
    /// The most connections that wait to be accepted: as many as the system allows by default. A fleet may come back
    /// all at once, and a device that finds no room tries again only after a second.
    /// </summary>
    private const int Backlog = 4_096;

    /// <summary>
    /// The pause after accepting failed for lack of descriptors or memory: without it the loop would never rest.
    /// </summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly IotLinkServerOptions options;
    private readonly ServerLog log;
    private readonly Socket listening;
    private readonly int mostOpen;
    private readonly Action<EndPoint?> turnedAway;
    private readonly Lock gate = new();
    private readonly Dictionary<Origin, int> strangers = [];
    private readonly Deadlines deadlines;
    private readonly TaskCompletionSource allEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Both are made in advance: when descriptors or memory are missing, it is too late.
    private readonly CallingAlarm pause;
    private readonly NotAcceptedLog notAccepted;
    private TaskCompletionSource resumed = new();

    // The listener itself counts as one, so that it cannot have ended before it was stopped.
    private int open = 1;
    private volatile bool stopping;

    private SocketAcceptor(IotLinkServerOptions options, int mostOpen, Action<EndPoint?> turnedAway, ServerLog log, Socket listening)
    {
        (this.options, this.mostOpen, this.turnedAway, this.log, this.listening) = (options, mostOpen, turnedAway, log, listening);
        EndPoint = (IPEndPoint)listening.LocalEndPoint!;
        deadlines = Deadlines.On(options.Scheduler);
        pause = new(deadlines, () => Volatile.Read(ref resumed).TrySetResult());
        notAccepted = new(log);
    }

    public IPEndPoint EndPoint { get; }

    /// <summary>Starts to listen.</summary>
    /// <param name="options">The address and port.</param>
    /// <param name="mostOpen">
    /// The most sockets at a time, with those that are closing; a further one is closed as soon as it is accepted.
    /// </param>
    /// <param name="turnedAway">Called for each of those.</param>
    /// <param name="log">Logs that accepting pauses.</param>
    /// <exception cref="IOException">The endpoint is in use or not available; the message names it.</exception>
    public static SocketAcceptor Listen(IotLinkServerOptions options, int mostOpen, Action<EndPoint?> turnedAway, ServerLog log)
    {
        // IPv6Any includes every IPv4 address; on a system without IPv6 it means IPv4 only.
        var address = options.Bind.Equals(IPAddress.IPv6Any) && !Socket.OSSupportsIPv6 ? IPAddress.Any : options.Bind;
        Socket? socket = null;
        try
        {
            socket = SocketTransportOptions.CreateDefaultBoundListenSocket(new IPEndPoint(address, options.Port));
            socket.Listen(Backlog);
            return new(options, mostOpen, turnedAway, log, socket);
        }
        catch (SocketException exception)
        {
            socket?.Dispose();
            var reason = exception.SocketErrorCode == SocketError.AddressAlreadyInUse ? "it is in use" : exception.Message;
            throw new IOException($"{new IPEndPoint(options.Bind, options.Port)} cannot be listened on: {reason}", exception);
        }
    }

    /// <summary>
    /// The next connection. Its socket counts as open until <see cref="Open"/>'s connection has ended. Null: it is
    /// stopped.
    /// </summary>
    public async ValueTask<OpenSocket?> AcceptAsync()
    {
        while (!stopping)
        {
            try
            {
                var socket = await listening.AcceptAsync().ConfigureAwait(false);
                if (Take(socket) is { } taken)
                    return taken;
            }
            catch (SocketException exception) when (!stopping)
            {
                // A connection that was reset while it waited does not count. But without descriptors the next one
                // would fail as well.
                if (exception.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted)
                    continue;
                notAccepted.Tell(exception.Message);
                await PauseAsync().ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                break;
            }
        }

        return null;
    }

    /// <summary>Makes a connection of an accepted socket. Null: the socket was closed before.</summary>
    public SocketConnection? Open(OpenSocket accepted)
    {
        try
        {
            return new(accepted.Socket, options.Scheduler, options.Timeout, accepted);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            accepted.Socket.Dispose();
            accepted.Ended();
            return null;
        }
    }

    /// <summary>Stops listening at once; completes when every connection has ended.</summary>
    public Task StopAsync()
    {
        if (!stopping)
        {
            stopping = true;
            listening.Dispose();
            pause.Dispose();
            Volatile.Read(ref resumed).TrySetResult();
            Ended();
        }

        return allEnded.Task;
    }

    public void Dispose() => listening.Dispose();

    /// <summary>
    /// Counts one more socket, or closes it if there is no room. There is no room once all have ended: then the
    /// acceptor was stopped while this one was being accepted. There is also none for an origin whose strangers have
    /// half of the room: they must not keep out all others.
    /// </summary>
    internal OpenSocket? Take(Socket socket)
    {
        var remote = SocketConnection.PlainRemote(socket);
        // Not the balancer's address, which all clients would share. It counts for the client as soon as the header has
        // come.
        var origin = options.IsTrustedProxy(remote) ? null : Origin.Of(remote);
        if (TryEnter(origin))
        {
            for (var before = Volatile.Read(ref open); before > 0 && before <= mostOpen;)
            {
                var found = Interlocked.CompareExchange(ref open, before + 1, before);
                if (found == before)
                    return new OpenSocket(this, socket, origin);
                before = found;
            }

            Leave(origin);
        }

        socket.Dispose();
        if (!stopping)
            turnedAway(remote);
        return null;
    }

    private bool TryEnter(Origin? origin)
    {
        if (origin is not { } known)
            return true;
        lock (gate)
        {
            var before = strangers.GetValueOrDefault(known);
            if (before >= Math.Max(1, mostOpen / 2))
                return false;
            strangers[known] = before + 1;
            return true;
        }
    }

    private void Leave(Origin? origin)
    {
        if (origin is not { } known)
            return;
        lock (gate)
        {
            if (strangers[known] == 1)
                strangers.Remove(known);
            else
                strangers[known]--;
        }
    }

    private async Task PauseAsync()
    {
        Volatile.Write(ref resumed, new());
        pause.Set(deadlines.Now + Pause);
        if (!stopping)
            await resumed.Task.ConfigureAwait(false);
    }

    private void Ended()
    {
        if (Interlocked.Decrement(ref open) == 0)
            allEnded.SetResult();
    }

    /// <summary>An open socket, which counts as a stranger's until its device is known.</summary>
    internal sealed class OpenSocket(SocketAcceptor acceptor, Socket socket, Origin? origin) : ISocketOwner
    {
        private Origin? origin = origin;
        private int isKnown;

        public Socket Socket => socket;

        public bool TryCountFor(EndPoint client)
        {
            if (Origin.Of(client) is not { } named)
                return true;
            if (!acceptor.TryEnter(named))
                return false;
            origin = named;
            return true;
        }

        public void Known()
        {
            if (Interlocked.Exchange(ref isKnown, 1) == 0)
                acceptor.Leave(origin);
        }

        public void Ended()
        {
            Known();
            acceptor.Ended();
        }
    }

    /// <summary>
    /// Logs on a thread of its own, one entry at a time: a log that blocks must not stop accepting.
    /// </summary>
    private sealed class NotAcceptedLog(ServerLog log) : IThreadPoolWorkItem
    {
        private volatile string detail = "";
        private int isTelling;

        public void Tell(string what)
        {
            detail = what;
            if (Interlocked.Exchange(ref isTelling, 1) == 0)
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        public void Execute()
        {
            log.NotAccepted(detail);
            Volatile.Write(ref isTelling, 0);
        }
    }
}
