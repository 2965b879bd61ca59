using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Rx.IotLink.Time;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>A port that is listened on, and all the connections that came by it, to the end of their sockets.</summary>
internal sealed class SocketAcceptor : IDisposable
{
    /// <summary>
    /// Connections that wait to be accepted: as many as the system allows by default, since a fleet may come back all
    /// at once, and one that finds no place tries again only after a second.
    /// </summary>
    private const int Backlog = 4_096;

    /// <summary>
    /// Accepting that failed, for want of descriptors or memory, is tried again after this: at once would be without
    /// end.
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

    // Both are made before they are needed: for want of descriptors or memory is no time for that.
    private readonly Alarm pause;
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
    /// <param name="options">Where.</param>
    /// <param name="mostOpen">Sockets at a time, those that are closing included; a further one is closed as soon as it
    /// is accepted.</param>
    /// <param name="turnedAway">Told of each of those.</param>
    /// <param name="log">Where it is logged that accepting pauses.</param>
    /// <exception cref="IOException">The endpoint is in use or cannot be had; the message names it.</exception>
    public static SocketAcceptor Listen(IotLinkServerOptions options, int mostOpen, Action<EndPoint?> turnedAway, ServerLog log)
    {
        // IPv6Any is every IPv4 address too; where there is no IPv6, it is those alone.
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
                // One that was reset while it waited is none; but for want of descriptors the next would fail as well.
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

    /// <summary>Makes a connection of an accepted socket. Null: it was gone before it could be looked at.</summary>
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
    /// Makes room for one more; else it is closed. There is none once all have ended: it was stopped when
    /// this one was just being accepted. Nor for one from an origin whose strangers have half of it: they must not
    /// keep out all others.
    /// </summary>
    internal OpenSocket? Take(Socket socket)
    {
        var remote = SocketConnection.PlainRemote(socket);
        // Not a balancer's own: all would share it. It counts for somebody as soon as it has said for whom it is.
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

    /// <summary>A socket that counts as open, and (until its device is known) as a stranger's.</summary>
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
    /// Logs on a thread of its own, one entry at a time: a log that blocks must not end the accepting.
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
