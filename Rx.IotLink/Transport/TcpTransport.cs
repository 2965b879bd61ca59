using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Reactive.Linq;

namespace Rx.IotLink.Transport;

/// <summary>Connections over TCP, with <c>NoDelay</c>: without it an acknowledged line takes 40 ms (Nagle's algorithm, RFC 896, against delayed acknowledgements).</summary>
public sealed class TcpTransport : ITransport
{
    private readonly string host;
    private readonly int port;
    private readonly SslClientAuthenticationOptions? tls;

    /// <summary>To a host name or address, and a port; encrypted if TLS is asked for.</summary>
    public TcpTransport(string host, int port, SslClientAuthenticationOptions? tls = null) => (this.host, this.port, this.tls) = (host, port, tls);

    /// <inheritdoc/>
    public IObservable<IConnection> Connect() => Observable.Create<IConnection>(async (observer, cancellationToken) =>
    {
        var connection = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        if (cancellationToken.IsCancellationRequested)
        {
            // Abandoned meanwhile: nobody else owns it.
            connection.Dispose();
            return;
        }

        observer.OnNext(connection);
        observer.OnCompleted();
    });

    private async Task<IConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        SendBound.Set(socket);
        try
        {
            await socket.ConnectAsync(host, port, cancellationToken).ConfigureAwait(false);
            if (tls is null)
                return new SocketConnection(socket);
            var remote = socket.RemoteEndPoint;
            var stream = await TlsHandshake.AsClientAsync(new NetworkStream(socket, ownsSocket: true), host, port, tls, cancellationToken).ConfigureAwait(false);
            return new StreamConnection(stream, remote);
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            throw new IOException($"{host}:{port} cannot be reached: {exception.Message}", exception);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>A connection over any stream, which it owns.</summary>
internal sealed class StreamConnection(Stream stream, EndPoint? remote) : IConnection
{
    public PipeReader Input { get; } = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));

    public PipeWriter Output { get; } = PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));

    public EndPoint? RemoteEndPoint { get; } = remote;

    // A read or write that is under way fails with it, which ends its loop.
    public void Dispose() => stream.Dispose();
}
