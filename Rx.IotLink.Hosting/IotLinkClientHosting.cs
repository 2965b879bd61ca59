using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Rx.IotLink;
using Rx.IotLink.Server;

// Where those who write ASP.NET Core look for it.
namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Runs a client in a host.</summary>
public static partial class IotLinkClientHosting
{
    /// <summary>
    /// Adds an <see cref="IotLinkClient"/>, also as <see cref="ILink"/>, that starts and stops with the host. It has
    /// the host's <see cref="ISessionStore"/>, if there is one (<c>AddSqliteSessions</c>), and its metrics. Its outages
    /// and notices go to the host's log. When the host stops, it is closed after the services that were added after it:
    /// they can still write.
    /// </summary>
    /// <remarks>
    /// The options are made as .NET makes options: <c>Configure&lt;IotLinkClientOptions&gt;(section)</c>,
    /// <c>BindConfiguration</c>, <c>PostConfigure</c> and <c>Validate</c> work, in the order of their registration,
    /// together with <paramref name="configure"/>. The name of options is the key of a client.
    /// </remarks>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">
    /// Gives the options. It gets those of the host, with an empty <see cref="IotLinkClientOptions.Host"/> and
    /// <see cref="IotLinkClientOptions.Id"/>.
    /// </param>
    public static IServiceCollection AddIotLinkClient(this IServiceCollection services, Func<IotLinkClientOptions, IotLinkClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return services.Add(configure, read: null);
    }

    /// <summary>The same, with options from a configuration.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configuration">
    /// The section with the options. The start fails if a name is not an option, or an option is out of range; the
    /// exception names it. A key cannot be given as text.
    /// </param>
    /// <param name="configure">
    /// Changes the options after they were read, or null. It gets an empty <see cref="IotLinkClientOptions.Host"/> and
    /// <see cref="IotLinkClientOptions.Id"/> where the configuration has none.
    /// </param>
    [RequiresUnreferencedCode(ConfigurationNames.Reflection)]
    [RequiresDynamicCode(ConfigurationNames.Reflection)]
    public static IServiceCollection AddIotLinkClient(
        this IServiceCollection services,
        IConfiguration configuration,
        Func<IotLinkClientOptions, IotLinkClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return services.Add(configure, options => Read(configuration, options));
    }

    /// <summary>
    /// The same for one of several clients of a host, which is a keyed service. Its session store is the one with the
    /// same key, if there is one; its metrics have the key as <see cref="TelemetryOptions.Name"/>.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="key">The key of the client: <c>[FromKeyedServices("plant")] ILink link</c>.</param>
    /// <param name="configure">Gives the options, as for the client without a key.</param>
    public static IServiceCollection AddKeyedIotLinkClient(this IServiceCollection services, string key, Func<IotLinkClientOptions, IotLinkClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return services.AddKeyed(key, configure, read: null);
    }

    /// <summary>The same for one of several clients of a host, with options from a configuration.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="key">The key of the client: <c>[FromKeyedServices("plant")] ILink link</c>.</param>
    /// <param name="configuration">The section with its options.</param>
    /// <param name="configure">Changes the options after they were read, or null.</param>
    [RequiresUnreferencedCode(ConfigurationNames.Reflection)]
    [RequiresDynamicCode(ConfigurationNames.Reflection)]
    public static IServiceCollection AddKeyedIotLinkClient(
        this IServiceCollection services,
        string key,
        IConfiguration configuration,
        Func<IotLinkClientOptions, IotLinkClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return services.AddKeyed(key, configure, options => Read(configuration, options));
    }

    private static IServiceCollection Add(
        this IServiceCollection services, Func<IotLinkClientOptions, IotLinkClientOptions>? configure, Func<IotLinkClientOptions, IotLinkClientOptions>? read)
    {
        HostedOptions.Add<IotLinkClientOptions, Factory>(services, Options.Options.DefaultName, read, configure);
        services.AddSingleton(provider => IotLinkClient.Start(HostedOptions.Get<IotLinkClientOptions>(provider, key: null)));
        services.AddSingleton<ILink>(provider => provider.GetRequiredService<IotLinkClient>());
        return services.AddSingleton<IHostedService>(provider => new Service(provider.GetRequiredService<IotLinkClient>, LogOf(provider)));
    }

    private static IServiceCollection AddKeyed(
        this IServiceCollection services, string key, Func<IotLinkClientOptions, IotLinkClientOptions>? configure, Func<IotLinkClientOptions, IotLinkClientOptions>? read)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        HostedOptions.Add<IotLinkClientOptions, Factory>(services, key, read, configure);
        services.AddKeyedSingleton(key, (provider, _) => IotLinkClient.Start(HostedOptions.Get<IotLinkClientOptions>(provider, key)));
        services.AddKeyedSingleton<ILink>(key, (provider, _) => provider.GetRequiredKeyedService<IotLinkClient>(key));
        return services.AddSingleton<IHostedService>(provider => new Service(() => provider.GetRequiredKeyedService<IotLinkClient>(key), LogOf(provider)));
    }

    private static ILogger<IotLinkClient> LogOf(IServiceProvider provider) => provider.GetRequiredService<ILogger<IotLinkClient>>();

    [RequiresUnreferencedCode(ConfigurationNames.Reflection)]
    [RequiresDynamicCode(ConfigurationNames.Reflection)]
    private static IotLinkClientOptions Read(IConfiguration configuration, IotLinkClientOptions options)
    {
        ConfigurationNames.Check(configuration, typeof(IotLinkClientOptions));
        configuration.Bind(options);
        return options;
    }

    private sealed class Factory(
        IServiceProvider provider,
        IEnumerable<IConfigureOptions<IotLinkClientOptions>> steps,
        IEnumerable<IPostConfigureOptions<IotLinkClientOptions>> postSteps,
        IEnumerable<IValidateOptions<IotLinkClientOptions>> checks,
        IEnumerable<IOptionsChangeTokenSource<IotLinkClientOptions>> sources) : HostedOptions<IotLinkClientOptions>(steps, postSteps, checks, sources)
    {
        protected override IotLinkClientOptions Defaults(string name) => new()
        {
            Host = "",
            Id = "",
            SessionStore = name.Length == 0 ? provider.GetService<ISessionStore>() : provider.GetKeyedService<ISessionStore>(name),
            // Its own, since the binder would change the shared default.
            Telemetry = new TelemetryOptions { MeterFactory = provider.GetService<IMeterFactory>(), Name = name.Length == 0 ? null : name },
            BackOff = new BackOff(),
        };
    }

    private sealed partial class Service(Func<IotLinkClient> get, ILogger logger) : IHostedService
    {
        private readonly List<IDisposable> logging = [];
        private IotLinkClient? client;

        public Task StartAsync(CancellationToken cancellationToken)
        {
            client = get();
            logging.Add(client.State.Subscribe(state => State(client.Id, state.Status, state.Outage?.ToString() ?? "")));
            logging.Add(client.Notices.Subscribe(notice => Notice(client.Id, notice.Kind, notice.Detail)));
            return Task.CompletedTask;
        }

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            if (client is not null)
                await client.CloseAsync(cancellationToken).ConfigureAwait(false);
            logging.ForEach(one => one.Dispose());
        }

        [LoggerMessage(1, LogLevel.Information, "{Id}: {Status} {Outage}")]
        private partial void State(string id, LinkStatus status, string outage);

        [LoggerMessage(2, LogLevel.Warning, "{Id}: {Kind}, {Detail}")]
        private partial void Notice(string id, LinkNoticeKind kind, string detail);
    }
}
