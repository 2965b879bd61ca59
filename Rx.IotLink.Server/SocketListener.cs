using System.Net;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>
/// Listens for plain TCP, on sockets of our own: a connection at rest then holds a third of what one of Kestrel's does
/// (docs/adr/0013).
/// </summary>
internal sealed class SocketListener : IListener
{
    private readonly SocketAcceptor acceptor;
    private readonly Func<SocketConnection, Task> serve;

    /// <summary>Starts to accept.</summary>
    public SocketListener(SocketAcceptor acceptor, Func<SocketConnection, Task> serve)
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
            // Elsewhere: what is called on the way, a logger or the search for a key, may take its time.
            ThreadPool.UnsafeQueueUserWorkItem(static s => s.Listener.Serve(s.Socket), (Listener: this, Socket: socket), preferLocal: false);
        }
    }

    private void Serve(SocketAcceptor.OpenSocket socket)
    {
        if (acceptor.Open(socket) is { } connection)
            _ = serve(connection);
    }
}
