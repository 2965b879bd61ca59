using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Rx.IotLink;
using Rx.IotLink.Server;

// Where those who write ASP.NET Core look for it.
namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Runs a server in a host: a generic host, or an ASP.NET Core application beside its pages.</summary>
public static class IotLinkServerServices
{
    private const string Reflection = "The options are found by reflection. Use the overload without a configuration in a trimmed or native program.";

    /// <summary>
    /// Adds an <see cref="IotLinkServer"/> that starts and stops with the host, with the host's logging and its
    /// <see cref="ISessionStore"/>, if it has one (<c>AddSqliteSessions</c>). For connections from the endpoints of an
    /// ASP.NET Core application, set <see cref="IotLinkServerOptions.Listen"/> to false and call
    /// <see cref="IotLinkHosting.UseIotLink"/> on an endpoint.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">
    /// Changes the defaults: <c>options => options with { Port = 8123 }</c>. The start fails if an option is out of
    /// range; the exception names it.
    /// </param>
    public static IServiceCollection AddIotLinkServer(this IServiceCollection services, Func<IotLinkServerOptions, IotLinkServerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        services.AddSingleton(provider => HostedServer.Make(provider, provider.GetService<ISessionStore>(), name: null, read: null, configure));
        return services.AddHostedService<HostedServer.Service>();
    }

    /// <summary>The same, with options of a configuration.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configuration">
    /// The section with the options, or null. The start fails if a name is not an option, or an option is out of range;
    /// the exception names it.
    /// </param>
    /// <param name="configure">Changes the options after they were read, or null.</param>
    [RequiresUnreferencedCode(Reflection)]
    [RequiresDynamicCode(Reflection)]
    public static IServiceCollection AddIotLinkServer(
        this IServiceCollection services,
        IConfiguration? configuration = null,
        Func<IotLinkServerOptions, IotLinkServerOptions>? configure = null)
    {
        services.AddSingleton(provider => HostedServer.Make(provider, provider.GetService<ISessionStore>(), name: null, HostedServer.Reader(configuration), configure));
        return services.AddHostedService<HostedServer.Service>();
    }

    /// <summary>
    /// The same for one of several servers of a host, which is a keyed service. Its session store is the one with the
    /// same key, if there is one: servers that share a store would take each other's devices. The metrics of the server
    /// have its key as <see cref="TelemetryOptions.Name"/>.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="key">The key of the server: <c>[FromKeyedServices("plant")] IotLinkServer server</c>.</param>
    /// <param name="configure">Changes the defaults.</param>
    public static IServiceCollection AddKeyedIotLinkServer(this IServiceCollection services, string key, Func<IotLinkServerOptions, IotLinkServerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return AddKeyed(services, key, read: null, configure);
    }

    /// <summary>The same, with options of a configuration.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="key">The key of the server.</param>
    /// <param name="configuration">The section with its options, or null.</param>
    /// <param name="configure">Changes the options after they were read, or null.</param>
    [RequiresUnreferencedCode(Reflection)]
    [RequiresDynamicCode(Reflection)]
    public static IServiceCollection AddKeyedIotLinkServer(
        this IServiceCollection services,
        string key,
        IConfiguration? configuration = null,
        Func<IotLinkServerOptions, IotLinkServerOptions>? configure = null) => AddKeyed(services, key, HostedServer.Reader(configuration), configure);

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
        return checks.Add(new(name, provider => new HostedServer.Check(HostedServer.Of(provider, serverKey), minimumUp), failureStatus: null, tags: null));
    }

    private static IServiceCollection AddKeyed(
        IServiceCollection services, string key, Func<IotLinkServerOptions, IotLinkServerOptions>? read, Func<IotLinkServerOptions, IotLinkServerOptions>? configure)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        services.AddKeyedSingleton(key, (provider, _) => HostedServer.Make(provider, provider.GetKeyedService<ISessionStore>(key), key, read, configure));
        return services.AddSingleton<IHostedService>(provider => new HostedServer.Service(provider.GetRequiredKeyedService<IotLinkServer>(key)));
    }
}
