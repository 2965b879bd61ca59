using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>
/// Where connections of load balancers say whose they are, before anything else is read of them: a trusted one must,
/// and what it says counts as the address from then on. From anybody else a PROXY header is no opening and no
/// handshake, and is refused as such.
/// </summary>
/// <param name="options">Who is trusted, and how long a header may take.</param>
/// <param name="admission">Where refusals are noted.</param>
/// <param name="stopped">When no header is waited for any more.</param>
internal sealed class ProxyGate(IotLinkServerOptions options, Admission admission, CancellationToken stopped)
{
    /// <summary>Has a connection of our own sockets say whose it is. False: it was refused.</summary>
    public async Task<bool> PassAsync(SocketConnection connection) =>
        await HearAsync(connection.Input, connection.RemoteEndPoint, connection).ConfigureAwait(false) is not null;

    /// <summary>
    /// Has a connection of Kestrel's say whose it is, unless it has already, and then goes on with it.
    /// </summary>
    public async Task PassAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var remote = SocketConnection.Plain(connection.RemoteEndPoint);
        if (connection.Features.Get<Passed>() is null && options.IsTrustedProxy(remote))
        {
            if (connection.Features.Get<ITlsHandshakeFeature>() is not null)
            {
                // Inside of TLS it would be the client that says it, and the balancer's own did not come through.
                admission.Note(remote, "", new RefusedException(Refusal.ProxyHeader, "its endpoint must call UseProxyProtocol before UseHttps"));
                return;
            }

            if (await HearAsync(connection.Transport.Input, remote, connection.Features.Get<IProxiedConnection>()).ConfigureAwait(false) is not { } client)
                return;
            connection.RemoteEndPoint = client;
        }

        connection.Features.Set(Passed.Instance);
        await next(connection).ConfigureAwait(false);
    }

    /// <summary>Reads a header: whose connection it is. The balancer's own is its own. Null: it was refused.</summary>
    /// <param name="input">Where it comes.</param>
    /// <param name="remote">The balancer.</param>
    /// <param name="connection">What counts for the client from then on, or null: another's socket.</param>
    /// <remarks>The pooled builder continues on the thread that completes it, whatever its context: a virtual clock's
    /// thread is not left.</remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<EndPoint?> HearAsync(PipeReader input, EndPoint? remote, IProxiedConnection? connection = null)
    {
        var preface = new Preface(input, options.OpeningTimeout ?? options.Timeout, options.Scheduler, stopped);
        try
        {
            var header = await preface.ReadAsync<ProxyHeader>("PROXY header", ProxyHeader.TryRead).ConfigureAwait(false);
            if (SocketConnection.Plain(header.Source) is not { } client)
                return remote;
            if (connection?.TryComeFor(client) != false)
                return client;
            admission.TurnAway(client);
        }
        catch (RefusedException refused)
        {
            admission.Note(remote, "", refused, preface.IsSilent);
        }

        return null;
    }

    /// <summary>Marks a connection that has passed, so that no second header is asked for.</summary>
    private sealed class Passed
    {
        public static Passed Instance { get; } = new();
    }
}
