using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>Runs a server in a host: a generic host, or an ASP.NET Core application beside its pages.</summary>
public static class IotLinkHosting
{
    /// <summary>
    /// Adds an <see cref="IotLinkServer"/> that starts and stops with the host, with the host's logging and its
    /// <see cref="ISessionStore"/>, if it has one (<c>AddSqliteSessions</c>). For connections from the endpoints of an
    /// ASP.NET Core application, set <see cref="IotLinkServerOptions.Listen"/> to false and call
    /// <see cref="UseIotLink"/> on an endpoint.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">Changes the default options, or null.</param>
    public static IServiceCollection AddIotLinkServer(this IServiceCollection services, Func<IotLinkServerOptions, IotLinkServerOptions>? configure = null) =>
        services.Add(configure, read: null);

    /// <summary>The same, with options from a configuration.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configuration">
    /// The section with the options. The start fails if a name is not an option, or an option is out of range; the
    /// exception names it.
    /// </param>
    /// <param name="configure">Changes the options after they were read, or null.</param>
    [RequiresUnreferencedCode(ConfigurationNames.Reflection)]
    [RequiresDynamicCode(ConfigurationNames.Reflection)]
    public static IServiceCollection AddIotLinkServer(
        this IServiceCollection services,
        IConfiguration configuration,
        Func<IotLinkServerOptions, IotLinkServerOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return services.Add(configure, options => Read(configuration, options));
    }

    /// <summary>
    /// The same for one of several servers of a host, which is a keyed service. Its session store is the one with the
    /// same key, if there is one: servers that share a store would take each other's devices. The metrics of the server
    /// have its key as <see cref="TelemetryOptions.Name"/>.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="key">The key of the server: <c>[FromKeyedServices("plant")] IotLinkServer server</c>.</param>
    /// <param name="configure">Changes the default options, or null.</param>
    public static IServiceCollection AddKeyedIotLinkServer(
        this IServiceCollection services, string key, Func<IotLinkServerOptions, IotLinkServerOptions>? configure = null) => services.AddKeyed(key, configure, read: null);

    /// <summary>The same for one of several servers of a host, with options from a configuration.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="key">The key of the server: <c>[FromKeyedServices("plant")] IotLinkServer server</c>.</param>
    /// <param name="configuration">The section with its options.</param>
    /// <param name="configure">Changes the options after they were read, or null.</param>
    [RequiresUnreferencedCode(ConfigurationNames.Reflection)]
    [RequiresDynamicCode(ConfigurationNames.Reflection)]
    public static IServiceCollection AddKeyedIotLinkServer(
        this IServiceCollection services,
        string key,
        IConfiguration configuration,
        Func<IotLinkServerOptions, IotLinkServerOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return services.AddKeyed(key, configure, options => Read(configuration, options));
    }

    private static IServiceCollection Add(
        this IServiceCollection services, Func<IotLinkServerOptions, IotLinkServerOptions>? configure, Func<IotLinkServerOptions, IotLinkServerOptions>? read)
    {
        services.AddSingleton(provider => Make(provider, provider.GetService<ISessionStore>(), name: null, read, configure));
        return services.AddHostedService<Service>();
    }

    private static IServiceCollection AddKeyed(
        this IServiceCollection services, string key, Func<IotLinkServerOptions, IotLinkServerOptions>? configure, Func<IotLinkServerOptions, IotLinkServerOptions>? read)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        services.AddKeyedSingleton(key, (provider, _) => Make(provider, provider.GetKeyedService<ISessionStore>(key), key, read, configure));
        return services.AddSingleton<IHostedService>(provider => new Service(provider.GetRequiredKeyedService<IotLinkServer>(key)));
    }

    private static IotLinkServer Make(
        IServiceProvider provider,
        ISessionStore? store,
        string? name,
        Func<IotLinkServerOptions, IotLinkServerOptions>? read,
        Func<IotLinkServerOptions, IotLinkServerOptions>? configure)
    {
        var options = new IotLinkServerOptions
        {
            LoggerFactory = provider.GetRequiredService<ILoggerFactory>(),
            SessionStore = store,
            // Its own, since the binder would change the shared default.
            Telemetry = new TelemetryOptions { MeterFactory = provider.GetService<IMeterFactory>(), Name = name },
        };
        options = read?.Invoke(options) ?? options;
        return new IotLinkServer(configure?.Invoke(options) ?? options);
    }

    /// <summary>
    /// Serves the connections of a Kestrel endpoint with the host's <see cref="IotLinkServer"/>. Terminal: there is no
    /// HTTP on that endpoint. The server then stops as soon as the host begins to stop, before the host's services are
    /// stopped. If the device is writing when the connection ends, Kestrel may reset the connection. The device then
    /// counts an outage, since it does not receive the server's farewell.
    /// </summary>
    public static IConnectionBuilder UseIotLink(this IConnectionBuilder endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        var server = endpoint.ApplicationServices.GetRequiredService<IotLinkServer>();
        server.HasGuestEndPoints = true;
        return endpoint.UseProxyProtocol().Run(server.ServeAsync);
    }

    /// <summary>
    /// Reads the PROXY header of connections that come from <see cref="IotLinkServerOptions.TrustedProxies"/>, on a
    /// Kestrel endpoint. With TLS it must be called before <c>UseHttps</c>; without TLS, <see cref="UseIotLink"/> does
    /// it.
    /// </summary>
    public static IConnectionBuilder UseProxyProtocol(this IConnectionBuilder endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        var server = endpoint.ApplicationServices.GetRequiredService<IotLinkServer>();
        return endpoint.Use(next => connection => server.Proxies.PassAsync(connection, next));
    }

    /// <summary>
    /// Adds a health check: healthy if every expected device is up and every session store works; degraded, naming the
    /// devices, if some have not connected yet or are down, or have a store that fails.
    /// </summary>
    /// <param name="checks">The host's health checks.</param>
    /// <param name="name">The name of the check.</param>
    /// <param name="minimumUp">
    /// The share of the expected devices that must be up to be healthy: 0 to 1. Default 1: all of them.
    /// </param>
    /// <param name="serverKey">The key of the server (<c>AddKeyedIotLinkServer</c>); default: none.</param>
    public static IHealthChecksBuilder AddIotLink(this IHealthChecksBuilder checks, string name = "iotlink", double minimumUp = 1, string? serverKey = null)
    {
        ArgumentNullException.ThrowIfNull(checks);
        Require.InRange(minimumUp, 0, 1, nameof(minimumUp));
        return checks.Add(new(name, provider => new Check(ServerOf(provider, serverKey), minimumUp), failureStatus: null, tags: null));
    }

    private static IotLinkServer ServerOf(IServiceProvider provider, string? key) =>
        key is null ? provider.GetRequiredService<IotLinkServer>() : provider.GetRequiredKeyedService<IotLinkServer>(key);

    [RequiresUnreferencedCode(ConfigurationNames.Reflection)]
    [RequiresDynamicCode(ConfigurationNames.Reflection)]
    private static IotLinkServerOptions Read(IConfiguration configuration, IotLinkServerOptions options)
    {
        ConfigurationNames.Check(configuration, typeof(IotLinkServerOptions));
        configuration.Bind(options);
        // The binder cannot convert a text to an address or a network, and silently ignores it.
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

    private sealed class Service(IotLinkServer server) : IHostedLifecycleService
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

    private sealed class Check(IotLinkServer server, double minimumUp) : IHealthCheck
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
