using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>
/// Reads the PROXY headers of load balancers, before anything else of a connection. A trusted balancer must send one,
/// and its address then counts as the address of the connection. From any other address a PROXY header is refused.
/// </summary>
/// <param name="options">The trusted addresses, and how long a header may take.</param>
/// <param name="admission">Takes the refusals.</param>
/// <param name="stopped">Ends the wait for headers.</param>
internal sealed class ProxyGate(IotLinkServerOptions options, Admission admission, CancellationToken stopped)
{
    /// <summary>
    /// Reads the header of a connection of our own sockets, if it must have one. False: it was refused.
    /// </summary>
    public async Task<bool> PassAsync(SocketConnection connection) =>
        await HearAsync(connection.Input, connection.RemoteEndPoint, connection).ConfigureAwait(false) is not null;

    /// <summary>
    /// Reads the header of a connection of Kestrel, unless that is done already, and then continues with it.
    /// </summary>
    public async Task PassAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var remote = SocketConnection.Plain(connection.RemoteEndPoint);
        if (connection.Features.Get<Passed>() is null && options.IsTrustedProxy(remote))
        {
            if (connection.Features.Get<ITlsHandshakeFeature>() is not null)
            {
                // Inside TLS the header would come from the client, and the balancer's header would be missing.
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

    /// <summary>
    /// Reads a header, and gives the client's address. For the balancer's own connection that is the balancer's. Null:
    /// it was refused.
    /// </summary>
    /// <param name="input">Where it comes.</param>
    /// <param name="remote">The balancer.</param>
    /// <param name="connection">Counts for the client from then on; null if the socket is not ours.</param>
    /// <remarks>
    /// A pooled builder continues on the thread that completes it, in any context, so all stays on the thread of a
    /// virtual clock.
    /// </remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<EndPoint?> HearAsync(PipeReader input, EndPoint? remote, IProxiedConnection? connection = null)
    {
        var preface = new Preface(input, options.OpeningLimit, options.Scheduler, stopped);
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

    /// <summary>Marks a connection whose header was read, so that no second one is read.</summary>
    private sealed class Passed
    {
        public static Passed Instance { get; } = new();
    }
}
