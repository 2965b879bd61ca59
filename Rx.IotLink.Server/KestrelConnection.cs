using System.IO.Pipelines;
using System.Net;
using System.Reactive.Concurrency;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>
/// A connection of Kestrel's, seen as a link sees it. Kestrel ends it, with FIN, when it is done with; aborting it
/// would send RST, on which a micropython-iot client may hang for ever. So that is kept for a peer that does not even
/// take the rest within a while.
/// </summary>
internal sealed class KestrelConnection(ConnectionContext context, IScheduler scheduler, TimeSpan timeout) : IConnection, IKnownConnection
{
    /// <summary>
    /// How long a peer may take for the rest, at most: what it does not take by then holds up the end of a server.
    /// </summary>
    private static readonly TimeSpan MaxPatience = TimeSpan.FromSeconds(5);

    // Asked for once: under TLS Kestrel puts the bare transport back when the handler has returned, and a send that is
    // late would go out in clear.
    private readonly IDuplexPipe transport = Bounded(context).Transport;
    private int disposed;

    public PipeReader Input => transport.Input;

    public PipeWriter Output => transport.Output;

    /// <summary>What the peer presented in the handshake of TLS, or null.</summary>
    public X509Certificate2? ClientCertificate => context.Features.Get<ITlsConnectionFeature>()?.ClientCertificate;

    public EndPoint? RemoteEndPoint { get; } = SocketConnection.Plain(context.RemoteEndPoint);

    public void IsKnown() => context.Features.Get<IKnownConnection>()?.IsKnown();

    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
            return;
        // Not called off by ConnectionClosed, which Kestrel cancels when it reads no more, though it may still wait in
        // vain to send. It does nothing to a connection that is gone.
        scheduler.Schedule(timeout < MaxPatience ? timeout : MaxPatience, () => context.Abort(new ConnectionAbortedException("The peer did not take the rest.")));
    }

    private static ConnectionContext Bounded(ConnectionContext context)
    {
        if (context.Features.Get<IConnectionSocketFeature>() is { Socket: var socket })
            SendBound.Set(socket);
        return context;
    }
}
