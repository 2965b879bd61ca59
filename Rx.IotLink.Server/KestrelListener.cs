using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Rx.IotLink.Server;

/// <summary>Listens for TLS, with a Kestrel of our own that has one endpoint and no HTTP on it.</summary>
internal sealed class KestrelListener : IListener
{
    private readonly KestrelServer kestrel;
    private readonly ServiceProvider services;

    private KestrelListener(KestrelServer kestrel, ServiceProvider services) => (this.kestrel, this.services) = (kestrel, services);

    public required IPEndPoint EndPoint { get; init; }

    /// <summary>Starts to accept.</summary>
    /// <exception cref="IOException">Starting failed; the message says why. The acceptor is then disposed.</exception>
    public static async Task<KestrelListener> StartAsync(
        SocketAcceptor acceptor, HttpsConnectionAdapterOptions tls, ILoggerFactory loggers, ProxyGate proxies, TlsAdmission gate, Func<ConnectionContext, Task> serve, CancellationToken cancellationToken)
    {
        var provider = Services(loggers);
        var settings = new KestrelServerOptions { ApplicationServices = provider };
        var server = new KestrelServer(Options.Create(settings), new SocketTransport(acceptor), loggers);
        try
        {
            settings.Listen(acceptor.EndPoint, listen =>
            {
                listen.Use(next => connection => proxies.PassAsync(connection, next));
                gate.Guard(listen, tls);
                listen.Run(serve);
            });
            await server.StartAsync(new NoHttp(), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            server.Dispose();
            acceptor.Dispose();
            await provider.DisposeAsync().ConfigureAwait(false);
            if (exception is OperationCanceledException)
                throw;
            throw new IOException($"{acceptor.EndPoint} cannot be listened on: {exception.GetBaseException().Message}", exception);
        }

        return new KestrelListener(server, provider) { EndPoint = acceptor.EndPoint };
    }

    /// <summary>Stops listening at once; completes when every connection has ended.</summary>
    public Task StopAsync() => kestrel.StopAsync(CancellationToken.None);

    public void Dispose()
    {
        kestrel.Dispose();
        services.Dispose();
    }

    private static ServiceProvider Services(ILoggerFactory loggers)
    {
        // TLS needs Kestrel's metrics, which only Kestrel's own registration can make.
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore();
        return builder.Services.AddSingleton(loggers).BuildServiceProvider();
    }

    /// <summary>Kestrel needs an application for HTTP; the endpoint never gives it a request.</summary>
    private sealed class NoHttp : IHttpApplication<object>
    {
        public object CreateContext(IFeatureCollection contextFeatures) => throw new NotSupportedException("There is no HTTP on this endpoint.");

        public void DisposeContext(object context, Exception? exception) => throw new NotSupportedException("There is no HTTP on this endpoint.");

        public Task ProcessRequestAsync(object context) => throw new NotSupportedException("There is no HTTP on this endpoint.");
    }
}
