using Microsoft.Extensions.Hosting;
using Rx.IotLink.Server;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>A webhook as a part of a host.</summary>
public static class IotLinkWebhookServices
{
    /// <summary>
    /// Adds a <see cref="Webhook"/> that posts the lines of the host's <see cref="IotLinkServer"/>
    /// (<c>AddIotLinkServer</c>). It ends before the server stops. Failures are notices of the
    /// links, which the server logs.
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
            serverKey is null ? provider.GetRequiredService<IotLinkServer>() : provider.GetRequiredKeyedService<IotLinkServer>(serverKey), options));
    }

    private sealed class Service(IotLinkServer server, WebhookOptions options) : IHostedLifecycleService
    {
        private Webhook? webhook;

        public Task StartAsync(CancellationToken cancellationToken)
        {
            webhook = Webhook.Start(server, options);
            return Task.CompletedTask;
        }

        public async Task StoppingAsync(CancellationToken cancellationToken)
        {
            if (webhook is not null)
                await webhook.DisposeAsync().ConfigureAwait(false);
        }

        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
