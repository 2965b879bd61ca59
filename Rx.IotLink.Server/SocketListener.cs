using System.Net;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>
/// Listens for plain TCP on sockets of our own: an idle connection then needs a third of the memory of one of Kestrel
/// (docs/adr/0013).
/// </summary>
internal sealed class SocketListener : IListener
{
    private readonly SocketAcceptor acceptor;
    private readonly Action<SocketConnection> serve;

    /// <summary>Starts to accept.</summary>
    public SocketListener(SocketAcceptor acceptor, Action<SocketConnection> serve)
    {
        (this.acceptor, this.serve) = (acceptor, serve);
        _ = AcceptAsync();
    }

    public IPEndPoint EndPoint => acceptor.EndPoint;

    public Task StopAsync() => acceptor.StopAsync();

    public void Dispose() => acceptor.Dispose();

    private async Task AcceptAsync()
    {
        while (await acceptor.AcceptAsync().ConfigureAwait(false) is { } socket)
        {
            // On another thread: a logger or a key lookup on the way may take long.
            ThreadPool.UnsafeQueueUserWorkItem(static s => s.Listener.Serve(s.Socket), (Listener: this, Socket: socket), preferLocal: false);
        }
    }

    private void Serve(SocketAcceptor.OpenSocket socket)
    {
        if (acceptor.Open(socket) is { } connection)
            serve(connection);
    }
}
