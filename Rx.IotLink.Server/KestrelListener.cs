using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
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

    public static async Task<KestrelListener> StartAsync(IotLinkServerOptions options, TlsGate gate, Func<ConnectionContext, Task> serve, CancellationToken cancellationToken)
    {
        var provider = Services(options.LoggerFactory);
        var settings = new KestrelServerOptions { ApplicationServices = provider };
        ListenOptions? listening = null;
        void Configure(ListenOptions listen)
        {
            listening = listen;
            if (options.Tls is not null)
                gate.Guard(listen, options.Tls);
            listen.Run(serve);
        }

        var sockets = new SocketTransportFactory(Options.Create(new SocketTransportOptions
        {
            NoDelay = true,
            // A link never blocks the thread that brings it bytes: no user code runs there. So two changes of thread a line are saved.
            UnsafePreferInlineScheduling = true,
        }), options.LoggerFactory);
        var server = new KestrelServer(Options.Create(settings), sockets, options.LoggerFactory);
        try
        {
            if (options.Bind.Equals(IPAddress.IPv6Any))
                settings.ListenAnyIP(options.Port, Configure);
            else
                settings.Listen(options.Bind, options.Port, Configure);
            await server.StartAsync(new NoHttp(), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            server.Dispose();
            await provider.DisposeAsync().ConfigureAwait(false);
            var reason = exception.InnerException is AddressInUseException ? "it is in use" : exception.GetBaseException().Message;
            throw new IOException($"{new IPEndPoint(options.Bind, options.Port)} cannot be listened on: {reason}", exception);
        }

        return new KestrelListener(server, provider) { EndPoint = listening!.IPEndPoint! };
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
        // TLS wants Kestrel's metrics, which nobody but Kestrel's own registration can make.
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore();
        return builder.Services.AddSingleton(loggers).BuildServiceProvider();
    }

    /// <summary>Kestrel wants an application for HTTP; the endpoint never hands it a request.</summary>
    private sealed class NoHttp : IHttpApplication<object>
    {
        public object CreateContext(IFeatureCollection contextFeatures) => throw new NotSupportedException("There is no HTTP on this endpoint.");

        public void DisposeContext(object context, Exception? exception) => throw new NotSupportedException("There is no HTTP on this endpoint.");

        public Task ProcessRequestAsync(object context) => throw new NotSupportedException("There is no HTTP on this endpoint.");
    }
}
