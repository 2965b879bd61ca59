using Rx.IotLink;
using Rx.IotLink.Sqlite;

// Where those who write ASP.NET Core look for it.
namespace Microsoft.Extensions.DependencyInjection;

/// <summary>A session store as a part of a host.</summary>
public static class SqliteSessionsHosting
{
    /// <summary>
    /// Adds a store with the options' defaults:
    /// <see cref="AddSqliteSessions(IServiceCollection, SqliteSessionStoreOptions)"/>.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="path">The file; its folder must exist.</param>
    /// <exception cref="ArgumentException">The path names nothing.</exception>
    /// <exception cref="InvalidOperationException">The host has a session store already.</exception>
    public static IServiceCollection AddSqliteSessions(this IServiceCollection services, string path) =>
        services.AddSqliteSessions(new SqliteSessionStoreOptions { Path = path });

    /// <summary>
    /// Adds a <see cref="SqliteSessionStore"/> as the host's <see cref="ISessionStore"/>, which the server of
    /// <c>AddIotLinkServer</c> keeps its sessions in. It is opened when the host starts, and closed after the server
    /// has stopped, when the host is disposed. A file that cannot be used fails the start with a
    /// <see cref="SessionStoreException"/>. The <see cref="SqliteFleet"/> of the store is a service of the host,
    /// too, also as its <see cref="IFleet"/>.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="options">Which file, and how. A relative path is one of the working directory.</param>
    /// <exception cref="ArgumentException">An option is out of range, or missing.</exception>
    /// <exception cref="InvalidOperationException">
    /// The host has a session store already: one server has one.
    /// </exception>
    public static IServiceCollection AddSqliteSessions(this IServiceCollection services, SqliteSessionStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (services.Any(service => service.ServiceType == typeof(ISessionStore)))
        {
            throw new InvalidOperationException(
                $"A session store is added already, so '{Rx.IotLink.Protocol.Printable.Of(options.Path)}' cannot be: a host has one.");
        }

        services.AddSingleton(_ => SqliteSessionStore.Open(options));
        services.AddSingleton(provider => provider.GetRequiredService<SqliteSessionStore>().Fleet);
        services.AddSingleton<IFleet>(provider => provider.GetRequiredService<SqliteFleet>());
        return services.AddSingleton<ISessionStore>(provider => provider.GetRequiredService<SqliteSessionStore>());
    }
}
