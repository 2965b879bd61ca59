using System.Net;
using Microsoft.AspNetCore.Connections;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>
/// Our sockets for Kestrel, which makes the TLS handshake on them. Kestrel's own transport cannot end a connection
/// without RST while the peer writes.
/// </summary>
internal sealed class SocketTransport(SocketAcceptor acceptor) : IConnectionListenerFactory, IConnectionListener
{
    public EndPoint EndPoint => acceptor.EndPoint;

    /// <summary>The port is bound already.</summary>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => new(this);

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await acceptor.AcceptAsync().ConfigureAwait(false) is { } socket)
        {
            if (acceptor.Open(socket) is { } connection)
                return new Context(connection);
        }

        return null;
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _ = acceptor.StopAsync();
        return default;
    }

    public async ValueTask DisposeAsync() => await acceptor.StopAsync().ConfigureAwait(false);

    private sealed class Context : DefaultConnectionContext
    {
        private readonly SocketConnection connection;
        private readonly CancellationTokenSource closed = new();
        private int disposed;

        public Context(SocketConnection connection)
        {
            this.connection = connection;
            Transport = connection;
            Features.Set<IKnownConnection>(connection);
            Features.Set<IProxiedConnection>(connection);
            RemoteEndPoint = connection.RemoteEndPoint;
            ConnectionClosed = closed.Token;
        }

        public override void Abort(ConnectionAbortedException abortReason) => connection.Abort();

        /// <summary>Ends the connection, and completes when its socket is closed.</summary>
        public override async ValueTask DisposeAsync()
        {
            if (Interlocked.Exchange(ref disposed, 1) != 0)
                return;
            connection.Dispose();
            connection.Served();
            await connection.Closed.ConfigureAwait(false);
            await closed.CancelAsync().ConfigureAwait(false);
            closed.Dispose();
            await base.DisposeAsync().ConfigureAwait(false);
        }
    }
}
