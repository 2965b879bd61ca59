using System.Globalization;
using System.Net.Sockets;
using Npgsql;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>
/// The connections to the database, no more than the options say, and the faults of what is done on them.
/// </summary>
internal sealed class Server : IAsyncDisposable, IDisposable
{
    private const int KeepAliveSeconds = 10;

    private readonly NpgsqlDataSource source;
    private readonly StoreFaults faults;

    public Server(PostgreSqlSessionStoreOptions options)
    {
        var settings = options.Parse();
        faults = new(options, settings);
        TimeoutSeconds = (int)Math.Ceiling(options.Timeout.TotalSeconds);
        settings.MaxPoolSize = options.MaxConnections;
        settings.MinPoolSize = Math.Min(settings.MinPoolSize, options.MaxConnections);
        settings.Timeout = TimeoutSeconds;
        // The database ends a statement in time. This is for a database that does not answer at all.
        settings.CommandTimeout = TimeoutSeconds + 1;
        settings.CancellationTimeout = 1_000;
        // What is set when a connection is made stays, as no other program uses these connections.
        settings.NoResetOnClose = true;
        settings.Enlist = false;
        settings.IncludeErrorDetail = false;
        settings.PersistSecurityInfo = false;
        // For the connection that waits for notices.
        settings.KeepAlive = KeepAliveSeconds;
        settings.TcpKeepAlive = true;
        settings.TcpKeepAliveTime = KeepAliveSeconds;
        settings.TcpKeepAliveInterval = KeepAliveSeconds;
        settings.ApplicationName ??= $"iotlink {options.Node}";
        if (settings.Host!.Contains(',', StringComparison.Ordinal))
            settings.TargetSessionAttributes ??= "primary";
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        var setUp = SetUp();
        builder.UsePhysicalConnectionInitializer(
            connection => throw new NotSupportedException("Connections are opened asynchronously."),
            async connection =>
            {
                var command = new NpgsqlCommand(setUp, connection);
                await using (command.ConfigureAwait(false))
                    await command.ExecuteNonQueryAsync().ConfigureAwait(false);
            });
        source = builder.Build();
    }

    public StoreFaults Faults => faults;

    /// <summary>How long a call may take.</summary>
    public int TimeoutSeconds { get; }

    /// <summary>Does work on a connection.</summary>
    /// <exception cref="SessionStoreException">It failed.</exception>
    public async Task<T> RunAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        try
        {
            var connection = await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
                return await work(connection).ConfigureAwait(false);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or SocketException or (IOException and not SessionStoreException))
        {
            throw FaultOf(e);
        }
    }

    public ValueTask DisposeAsync() => source.DisposeAsync();

    public void Dispose() => source.Dispose();

    private SessionStoreException FaultOf(Exception e)
    {
        if (e is PostgresException known && !IsEnd(known))
            return faults.Of(known);
        // The other idle connections are of the same server: none of them is tried first.
        source.Clear();
        return e is NpgsqlException broken ? faults.Of(broken) : faults.Unreachable(e);
    }

    /// <summary>Whether the server ended the connection.</summary>
    private static bool IsEnd(PostgresException e) => e.SqlState is PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown
        or PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.ReadOnlySqlTransaction;

    /// <summary>
    /// What holds on each connection. A commit waits for the disk in any case; for standbys as the database says. Plans
    /// are made for each call, since a table may be empty at one moment and have millions of rows at another.
    /// </summary>
    private string SetUp() => string.Create(CultureInfo.InvariantCulture, $"""
        SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
        SET default_transaction_isolation = 'read committed';
        SET statement_timeout = '{TimeoutSeconds}s';
        SET lock_timeout = '{Math.Max(1, TimeoutSeconds / 4)}s';
        SET tcp_keepalives_idle = {KeepAliveSeconds};
        SET tcp_keepalives_interval = {KeepAliveSeconds};
        SET tcp_keepalives_count = 2;
        SET plan_cache_mode = 'force_custom_plan';
        SET jit = off;
        SET search_path = pg_catalog;
        """);
}
