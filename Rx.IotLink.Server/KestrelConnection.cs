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
/// A connection of Kestrel for a link. Kestrel ends it with FIN when the handler has returned. Aborting it would send
/// RST, after which a micropython-iot client may hang for ever. So it is aborted only if the peer does not take the
/// rest within some time.
/// </summary>
internal sealed class KestrelConnection(ConnectionContext context, IScheduler scheduler, TimeSpan timeout) : IKnownConnection, ICertifiedConnection, ISocketBelow
{
    /// <summary>
    /// The most time that a peer may take for the rest, since this delays the end of a server.
    /// </summary>
    private static readonly TimeSpan MaxPatience = TimeSpan.FromSeconds(5);

    // Read once: under TLS Kestrel restores the plain transport when the handler has returned, and a late send would go
    // out unencrypted.
    private readonly IDuplexPipe transport = Bounded(context).Transport;
    private int disposed;

    /// <summary>Not where the application's own Kestrel has the socket: it may read on any thread.</summary>
    public bool HasSocketBelow => context.Features.Get<IKnownConnection>() is SocketConnection;

    public PipeReader Input => transport.Input;

    public PipeWriter Output => transport.Output;

    public X509Certificate2? ClientCertificate => context.Features.Get<ITlsConnectionFeature>()?.ClientCertificate;

    public EndPoint? RemoteEndPoint { get; } = SocketConnection.Plain(context.RemoteEndPoint);

    public void IsKnown() => context.Features.Get<IKnownConnection>()?.IsKnown();

    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
            return;
        // ConnectionClosed does not cancel this: Kestrel cancels that token when it stops reading, while a send may
        // still wait. This has no effect on a connection that has ended.
        scheduler.Schedule(timeout < MaxPatience ? timeout : MaxPatience, () => context.Abort(new ConnectionAbortedException("The peer did not take the rest.")));
    }

    private static ConnectionContext Bounded(ConnectionContext context)
    {
        if (context.Features.Get<IConnectionSocketFeature>() is { Socket: var socket })
            SendBound.Set(socket);
        return context;
    }
}
