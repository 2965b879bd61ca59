using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>A server as a part of a host.</summary>
internal static class HostedServer
{
    /// <summary>What reads options of a section.</summary>
    [RequiresUnreferencedCode(ConfigurationNames.Reflection)]
    [RequiresDynamicCode(ConfigurationNames.Reflection)]
    public static Func<IotLinkServerOptions, IotLinkServerOptions> Reader(IConfiguration configuration) => options => Read(configuration, options);

    public static IotLinkServer Of(IServiceProvider provider, string? key) =>
        key is null ? provider.GetRequiredService<IotLinkServer>() : provider.GetRequiredKeyedService<IotLinkServer>(key);

    [RequiresUnreferencedCode(ConfigurationNames.Reflection)]
    [RequiresDynamicCode(ConfigurationNames.Reflection)]
    private static IotLinkServerOptions Read(IConfiguration configuration, IotLinkServerOptions options)
    {
        ConfigurationNames.Check(configuration, typeof(IotLinkServerOptions));
        configuration.Bind(options);
        return Addresses(configuration, options);
    }

    /// <summary>The binder cannot convert a text to an address or a network, and silently ignores it.</summary>
    private static IotLinkServerOptions Addresses(IConfiguration configuration, IotLinkServerOptions options)
    {
        if (configuration.GetSection(nameof(options.TrustedProxies)).GetChildren().Select(Network).ToArray() is { Length: > 0 } proxies)
            options = options with { TrustedProxies = proxies };
        if (configuration[nameof(options.Bind)] is not { } bind)
            return options;
        Require.NotFaulty(IPAddress.TryParse(bind, out var address) ? null : "is not an IP address", bind, nameof(options.Bind));
        return options with { Bind = address! };
    }

    private static IPNetwork Network(IConfigurationSection given)
    {
        Require.NotFaulty(ProxyNetwork.Fault(given.Value ?? "", out var network), Printable.Message(given.Value ?? ""), nameof(IotLinkServerOptions.TrustedProxies));
        return network;
    }

    /// <summary>Makes the options of a host's servers.</summary>
    internal sealed class Factory(
        IServiceProvider provider,
        IEnumerable<IConfigureOptions<IotLinkServerOptions>> steps,
        IEnumerable<IPostConfigureOptions<IotLinkServerOptions>> postSteps,
        IEnumerable<IValidateOptions<IotLinkServerOptions>> checks,
        IEnumerable<IOptionsChangeTokenSource<IotLinkServerOptions>> sources) : HostedOptions<IotLinkServerOptions>(steps, postSteps, checks, sources)
    {
        protected override IotLinkServerOptions Defaults(string name) => new()
        {
            LoggerFactory = provider.GetRequiredService<ILoggerFactory>(),
            SessionStore = name.Length == 0 ? provider.GetService<ISessionStore>() : provider.GetKeyedService<ISessionStore>(name),
            // Its own, since the binder would change the shared default.
            Telemetry = new TelemetryOptions { MeterFactory = provider.GetService<IMeterFactory>(), Name = name.Length == 0 ? null : name },
        };

        protected override IotLinkServerOptions Convert(IConfiguration section, IotLinkServerOptions options) => Addresses(section, options);
    }

    /// <summary>Starts and stops a server with its host.</summary>
    internal sealed class Service(IotLinkServer server) : IHostedLifecycleService
    {
        public Task StartAsync(CancellationToken cancellationToken) => server.ListenAsync(cancellationToken);

        // The application's Kestrel is the first service to stop, and it waits until its connections end. So the links
        // on them are drained and closed before. Otherwise Kestrel would wait as long as the host allows, and then
        // reset them.
        public Task StoppingAsync(CancellationToken cancellationToken) => server.HasGuestEndPoints ? server.StopAsync(cancellationToken) : Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => server.StopAsync(cancellationToken);

        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>The health of a server.</summary>
    internal sealed class Check(IotLinkServer server, double minimumUp) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            var (missing, failing) = (server.MissingIds, server.FailingStores);
            var data = new Dictionary<string, object>(StringComparer.Ordinal)
            {
                ["links"] = server.Counters.Links,
                ["connections"] = server.Counters.Connections,
                ["failingStores"] = failing.Count,
                ["expected"] = server.ExpectedCount,
                ["missing"] = missing.Count,
            };
            var enough = server.ExpectedCount - missing.Count >= minimumUp * server.ExpectedCount;
            string[] faults = [.. enough ? [] : Named("not up", missing), .. Named("session store fails", failing)];
            var up = missing.Count == 0 ? "every expected device is up" : $"enough expected devices are up: {server.ExpectedCount - missing.Count} of {server.ExpectedCount}";
            return Task.FromResult(faults.Length == 0 ? HealthCheckResult.Healthy(up, data) : HealthCheckResult.Degraded(string.Join("; ", faults), data: data));
        }

        private static IEnumerable<string> Named(string what, IReadOnlyCollection<string> ids) =>
            ids.Count == 0 ? [] : [$"{what}: {string.Join(", ", ids.Take(20))}{(ids.Count > 20 ? $" and {ids.Count - 20} more" : "")}"];
    }
}
