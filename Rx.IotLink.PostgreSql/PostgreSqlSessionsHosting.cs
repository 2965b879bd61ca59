using Microsoft.Extensions.Hosting;
using Rx.IotLink;
using Rx.IotLink.PostgreSql;

// Where those who write ASP.NET Core look for it.
namespace Microsoft.Extensions.DependencyInjection;

/// <summary>A session store as a part of a host.</summary>
public static class PostgreSqlSessionsHosting
{
    /// <summary>
    /// Adds a store with the options' defaults:
    /// <see cref="AddPostgreSqlSessions(IServiceCollection, PostgreSqlSessionStoreOptions)"/>.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="connectionString">
    /// Which database: <see cref="PostgreSqlSessionStoreOptions.ConnectionString"/>.
    /// </param>
    /// <exception cref="ArgumentException">The connection string cannot be read.</exception>
    /// <exception cref="InvalidOperationException">The host has a session store already.</exception>
    public static IServiceCollection AddPostgreSqlSessions(this IServiceCollection services, string connectionString) =>
        services.AddPostgreSqlSessions(new PostgreSqlSessionStoreOptions { ConnectionString = connectionString });

    /// <summary>
    /// Adds a <see cref="PostgreSqlSessionStore"/> as the host's <see cref="ISessionStore"/>, which the server of
    /// <c>AddIotLinkServer</c> keeps its sessions in. It connects when the host starts, before any service of the host
    /// has started, and is closed after the server has stopped, when the host is disposed. A database that cannot be
    /// used fails the start with a <see cref="SessionStoreException"/>; one that fails later does not. The
    /// <see cref="PostgreSqlFleet"/> of the store is a service of the host, too, also as its <see cref="IFleet"/>.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="options">Which database, and how.</param>
    /// <exception cref="ArgumentException">An option is out of range, or missing.</exception>
    /// <exception cref="InvalidOperationException">
    /// The host has a session store already: one server has one.
    /// </exception>
    public static IServiceCollection AddPostgreSqlSessions(this IServiceCollection services, PostgreSqlSessionStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (services.Any(service => service.ServiceType == typeof(ISessionStore)))
        {
            throw new InvalidOperationException(
                $"A session store is added already, so the schema '{options.Schema}' of PostgreSQL cannot be: a host has one.");
        }

        services.AddSingleton(_ => new PostgreSqlSessionStore(options));
        services.AddSingleton(provider => provider.GetRequiredService<PostgreSqlSessionStore>().Fleet);
        services.AddSingleton<IFleet>(provider => provider.GetRequiredService<PostgreSqlFleet>());
        services.AddHostedService<Opening>();
        return services.AddSingleton<ISessionStore>(provider => provider.GetRequiredService<PostgreSqlSessionStore>());
    }

    /// <summary>Connects before anything starts that needs the store.</summary>
    private sealed class Opening(PostgreSqlSessionStore store) : IHostedLifecycleService
    {
        public Task StartingAsync(CancellationToken cancellationToken) => store.EnsureOpenAsync(cancellationToken);

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
