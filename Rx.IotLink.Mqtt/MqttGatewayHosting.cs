using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rx.IotLink;
using Rx.IotLink.Mqtt;
using Rx.IotLink.Server;

// Where those who write ASP.NET Core look for it.
namespace Microsoft.Extensions.DependencyInjection;

/// <summary>A gateway as a part of a host.</summary>
public static partial class MqttGatewayHosting
{
    /// <summary>
    /// Adds an <see cref="MqttGateway"/> that joins the host's <see cref="IotLinkServer"/> (<c>AddIotLinkServer</c>) to
    /// a broker. It ends before the server stops. Its notices go to the host's log.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="options">Which broker, and how.</param>
    /// <param name="serverKey">The key of the server (<c>AddKeyedIotLinkServer</c>). Default null: none.</param>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    public static IServiceCollection AddIotLinkMqtt(this IServiceCollection services, MqttGatewayOptions options, string? serverKey = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return services.AddSingleton<IHostedService>(provider => new Service(
            serverKey is null ? provider.GetRequiredService<IotLinkServer>() : provider.GetRequiredKeyedService<IotLinkServer>(serverKey),
            options,
            provider.GetRequiredService<ILogger<MqttGateway>>()));
    }

    private sealed partial class Service(IotLinkServer server, MqttGatewayOptions options, ILogger<MqttGateway> logger) : IHostedLifecycleService
    {
        private MqttGateway? gateway;
        private IDisposable? logging;

        public Task StartAsync(CancellationToken cancellationToken)
        {
            gateway = MqttGateway.Start(server, options);
            logging = gateway.Notices.Subscribe(notice => Log(notice.Kind is MqttNoticeKind.Connected ? LogLevel.Information : LogLevel.Warning, notice.Kind, notice.Detail));
            return Task.CompletedTask;
        }

        public async Task StoppingAsync(CancellationToken cancellationToken)
        {
            if (gateway is not null)
                await gateway.DisposeAsync().ConfigureAwait(false);
            logging?.Dispose();
        }

        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        [LoggerMessage(EventId = 1, Message = "{Kind}: {Detail}")]
        private partial void Log(LogLevel level, MqttNoticeKind kind, string detail);
    }
}
