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
    /// <summary>
    /// Adds an <see cref="IotLinkServer"/> that starts and stops with the host, with the host's logging and its
    /// <see cref="ISessionStore"/>, if it has one (<c>AddSqliteSessions</c>). For connections from the endpoints of an
    /// ASP.NET Core application, set <see cref="IotLinkServerOptions.Listen"/> to false and call
    /// <see cref="IotLinkHosting.UseIotLink"/> on an endpoint.
    /// </summary>
    /// <remarks>
    /// The options are made as .NET makes options: <c>Configure&lt;IotLinkServerOptions&gt;(section)</c>,
    /// <c>BindConfiguration</c>, <c>PostConfigure</c> and <c>Validate</c> work, and
    /// <c>IOptions&lt;IotLinkServerOptions&gt;</c> gives them. They run in the order of their registration, together
    /// with <paramref name="configure"/>. Code cannot change the options in place: give a function here. They are read
    /// once, at the start. A section that the configuration binding generator binds fails the start.
    /// </remarks>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">
    /// Changes the defaults: <c>options => options with { Port = 8123 }</c>; null: all are as they are. The start fails
    /// if an option is out of range; the exception names it.
    /// </param>
    public static IServiceCollection AddIotLinkServer(this IServiceCollection services, Func<IotLinkServerOptions, IotLinkServerOptions>? configure = null) =>
        Add(services, read: null, configure);

    /// <summary>The same, with options of a configuration.</summary>
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
        return Add(services, HostedServer.Reader(configuration), configure);
    }

    /// <summary>
    /// The same for one of several servers of a host, which is a keyed service. Its session store is the one with the
    /// same key, if there is one: servers that share a store would take each other's devices. The metrics of the server
    /// have its key as <see cref="TelemetryOptions.Name"/>. The key is also the name of its options:
    /// <c>Configure&lt;IotLinkServerOptions&gt;("plant", section)</c>.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="key">The key of the server: <c>[FromKeyedServices("plant")] IotLinkServer server</c>.</param>
    /// <param name="configure">Changes the defaults, or null.</param>
    public static IServiceCollection AddKeyedIotLinkServer(
        this IServiceCollection services, string key, Func<IotLinkServerOptions, IotLinkServerOptions>? configure = null) => AddKeyed(services, key, read: null, configure);

    /// <summary>The same, with options of a configuration.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="key">The key of the server.</param>
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
        return AddKeyed(services, key, HostedServer.Reader(configuration), configure);
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
        return checks.Add(new(name, provider => new HostedServer.Check(HostedServer.Of(provider, serverKey), minimumUp), failureStatus: null, tags: null));
    }

    private static IServiceCollection Add(
        IServiceCollection services, Func<IotLinkServerOptions, IotLinkServerOptions>? read, Func<IotLinkServerOptions, IotLinkServerOptions>? configure)
    {
        HostedOptions.Add<IotLinkServerOptions, HostedServer.Factory>(services, Options.Options.DefaultName, read, configure);
        services.AddSingleton(provider => new IotLinkServer(HostedOptions.Get<IotLinkServerOptions>(provider, key: null)));
        return services.AddHostedService<HostedServer.Service>();
    }

    private static IServiceCollection AddKeyed(
        IServiceCollection services, string key, Func<IotLinkServerOptions, IotLinkServerOptions>? read, Func<IotLinkServerOptions, IotLinkServerOptions>? configure)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        HostedOptions.Add<IotLinkServerOptions, HostedServer.Factory>(services, key, read, configure);
        services.AddKeyedSingleton(key, (provider, _) => new IotLinkServer(HostedOptions.Get<IotLinkServerOptions>(provider, key)));
        return services.AddSingleton<IHostedService>(provider => new HostedServer.Service(provider.GetRequiredKeyedService<IotLinkServer>(key)));
    }
}
