using System.Net.Security;
using System.Reactive.Concurrency;

namespace Rx.IotLink.Transport;

/// <summary>
/// Connections over TCP, with <c>NoDelay</c>: without it an acknowledged line takes 40 ms (Nagle's algorithm, RFC 896,
/// against delayed acknowledgements). A name with several addresses is reached if one of them answers: the attempts
/// begin one after the other, and the first that succeeds wins (Happy Eyeballs, RFC 8305).
/// </summary>
public sealed class TcpTransport : ITransport
{
    private readonly string host;
    private readonly int port;
    private readonly SslClientAuthenticationOptions? tls;
    private readonly IScheduler scheduler;
    private readonly TimeSpan timeout;
    private readonly ConnectRace race;

    /// <summary>Connects to a host name or address, and a port; with TLS if options for it are given.</summary>
    public TcpTransport(string host, int port, SslClientAuthenticationOptions? tls = null)
        : this(host, port, tls, DefaultScheduler.Instance, SocketConnection.MaxPatience, SocketConnection.MaxPatience)
    {
    }

    /// <summary>The same for a link.</summary>
    /// <param name="host">The name or address.</param>
    /// <param name="port">The port.</param>
    /// <param name="tls">TLS, or null.</param>
    /// <param name="scheduler">The clock.</param>
    /// <param name="timeout">The timeout of the link.</param>
    /// <param name="limit">How long an attempt to connect may take; every address has its turn within it.</param>
    /// <param name="lookUp">Gives the addresses of the name; null: the system does.</param>
    internal TcpTransport(
        string host, int port, SslClientAuthenticationOptions? tls, IScheduler scheduler, TimeSpan timeout, TimeSpan limit, LookUp? lookUp = null)
    {
        (this.host, this.port, this.tls, this.scheduler, this.timeout) = (host, port, tls, scheduler, timeout);
        race = new(host, port, scheduler, limit, lookUp);
    }

    /// <inheritdoc/>
    public IObservable<IConnection> Connect() => new Attempt(this);

    private async Task<IConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        var socket = await race.ConnectAsync(cancellationToken).ConfigureAwait(false);
        SocketConnection connection;
        try
        {
            connection = new(socket, scheduler, timeout);
        }
        catch (Exception exception)
        {
            socket.Dispose();
            throw new IOException($"{host}:{port} ended the connection at once: {exception.Message}", exception);
        }

        return tls is null ? connection : new TlsConnection(await TlsHandshake.AsClientAsync(new SocketStream(connection), host, port, tls, cancellationToken).ConfigureAwait(false), connection);
    }

    /// <summary>
    /// An attempt for each subscription. One place decides whether the connection was handed over or the attempt was
    /// cancelled first. So no socket is left without an owner, as would happen if an operator dropped it.
    /// </summary>
    private sealed class Attempt(TcpTransport transport) : IObservable<IConnection>
    {
        public IDisposable Subscribe(IObserver<IConnection> observer)
        {
            var attempting = new Attempting(observer);
            _ = attempting.RunAsync(transport);
            return attempting;
        }
    }

#pragma warning disable CA1001 // A token source without a timer and without a parent holds nothing to release.
    private sealed class Attempting(IObserver<IConnection> observer) : IDisposable
    {
        // Null when the attempt has ended: the subscription lasts as long as the connection.
        private CancellationTokenSource? abandoned = new();
        private int decided;

        public async Task RunAsync(TcpTransport transport)
        {
            IConnection connection;
            try
            {
                connection = await transport.ConnectAsync(abandoned!.Token).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                if (Decide())
                    observer.OnError(exception);
                return;
            }

            Volatile.Write(ref abandoned, null);
            if (!Decide())
            {
                connection.Dispose();
                return;
            }

            observer.OnNext(connection);
            observer.OnCompleted();
        }

        public void Dispose()
        {
            if (Decide())
                Volatile.Read(ref abandoned)?.Cancel();
        }

        private bool Decide() => Interlocked.Exchange(ref decided, 1) == 0;
    }
#pragma warning restore CA1001
}
