using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rx.IotLink;
using Rx.IotLink.Server;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>A webhook as a part of a host.</summary>
public static partial class IotLinkWebhookServices
{
    /// <summary>
    /// Adds a <see cref="Webhook"/> that posts the lines of the host's <see cref="IotLinkServer"/>
    /// (<c>AddIotLinkServer</c>). It ends before the server stops. Failures are notices of the links, which the server
    /// logs; with <see cref="WebhookOptions.Consumer"/> they go to the host's log from here.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="options">Where to, and how.</param>
    /// <param name="serverKey">The key of the server (<c>AddKeyedIotLinkServer</c>). Default null: none.</param>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    public static IServiceCollection AddIotLinkWebhook(this IServiceCollection services, WebhookOptions options, string? serverKey = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return services.AddSingleton<IHostedService>(provider => new Service(
            serverKey is null ? provider.GetRequiredService<IotLinkServer>() : provider.GetRequiredKeyedService<IotLinkServer>(serverKey),
            options,
            provider.GetRequiredService<ILogger<Webhook>>()));
    }

    private sealed partial class Service(IotLinkServer server, WebhookOptions options, ILogger<Webhook> logger) : IHostedLifecycleService
    {
        private Webhook? webhook;
        private IDisposable? logging;

        public Task StartAsync(CancellationToken cancellationToken)
        {
            webhook = Webhook.Start(server, options);
            logging = webhook.Notices.Subscribe(notice => Log(notice.Kind == LinkNoticeKind.StoreWorks ? LogLevel.Information : LogLevel.Warning, notice.Kind, notice.Detail));
            return Task.CompletedTask;
        }

        public async Task StoppingAsync(CancellationToken cancellationToken)
        {
            if (webhook is not null)
                await webhook.DisposeAsync().ConfigureAwait(false);
            logging?.Dispose();
        }

        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        [LoggerMessage(EventId = 1, Message = "{Kind}: {Detail}")]
        private partial void Log(LogLevel level, LinkNoticeKind kind, string detail);
    }
}
