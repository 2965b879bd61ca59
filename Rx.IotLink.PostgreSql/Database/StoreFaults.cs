using System.Net.Sockets;
using Npgsql;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>
/// Makes the exception for each fault of a database. It names the server, and says what to do. It never holds the
/// connection string, in which a password may stand.
/// </summary>
internal sealed class StoreFaults
{
    private readonly string name;
    private readonly string user;
    private readonly PostgreSqlSessionStoreOptions options;

    public StoreFaults(PostgreSqlSessionStoreOptions options, NpgsqlConnectionStringBuilder connection)
    {
        this.options = options;
        user = Printable.Of(connection.Username ?? "");
        var database = Printable.Of(connection.Database ?? connection.Username ?? "");
        // Of several hosts each may have its own port.
        var port = connection.Host!.Contains(',', StringComparison.Ordinal) || connection.Host.StartsWith('/') ? "" : $":{connection.Port}";
        name = $"'{options.Schema}' of the database '{database}' at {Printable.Of(connection.Host)}{port}";
    }

    public SessionStoreException Of(PostgresException e) => e.SqlState switch
    {
        PostgresErrorCodes.TooManyConnections => New(SessionStoreFault.Unavailable,
            $"has no connection left ({Said(e)})",
            $"Raise max_connections or the limit of the role or the database, or lower {nameof(options.MaxConnections)} ({options.MaxConnections}); it is tried again", e),
        PostgresErrorCodes.DiskFull or PostgresErrorCodes.OutOfMemory or PostgresErrorCodes.InsufficientResources or PostgresErrorCodes.ProgramLimitExceeded =>
            New(SessionStoreFault.Full, $"has no room ({Said(e)})", "Make room on the server; the store goes on by itself then", e),
        PostgresErrorCodes.ReadOnlySqlTransaction => New(SessionStoreFault.ReadOnly,
            "is on a server that can only be read, such as a standby", "Connect to the primary; with several hosts in the connection string it is found", e),
        PostgresErrorCodes.InsufficientPrivilege => New(SessionStoreFault.ReadOnly,
            $"may not be used by the role '{user}' ({Said(e)})", "Grant it the rights on the schema and its tables", e),
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification => New(SessionStoreFault.Unavailable,
            $"refuses the login of the role '{user}'", "Check the role, its password and pg_hba.conf", e),
        PostgresErrorCodes.InvalidCatalogName => New(SessionStoreFault.Unavailable, "does not exist: there is no such database", "Create the database, or correct its name", e),
        PostgresErrorCodes.QueryCanceled => TookTooLong(e),
        PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected => New(SessionStoreFault.InUse,
            "has rows that another transaction holds", "End that transaction (pg_stat_activity shows it); the store goes on by itself then", e),
        PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow => New(SessionStoreFault.Unavailable,
            $"is not available: its server starts, stops or recovers ({Said(e)})", "It is tried again", e),
        PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.DatatypeMismatch =>
            Damaged($"does not have the tables of a session store ({Said(e)})", e),
        PostgresErrorCodes.DataCorrupted or PostgresErrorCodes.IndexCorrupted => Damaged($"is damaged ({Said(e)})", e),
        _ => New(SessionStoreFault.Unavailable, $"failed ({Said(e)})", "See the server's log; it is tried again", e),
    };

    public SessionStoreException Of(NpgsqlException e) => e switch
    {
        PostgresException known => Of(known),
        { InnerException: TimeoutException } => TookTooLong(e),
        { InnerException: PostgresException known } => Of(known),
        _ => Unreachable(e),
    };

    public SessionStoreException Unreachable(Exception e)
    {
        var reason = e;
        while (reason is not SocketException && reason.InnerException is { } inner)
            reason = inner;
        return New(SessionStoreFault.Unavailable, $"cannot be reached ({Printable.Of(reason.Message)})",
            "Check that the server runs, its address and the network; it is tried again", e);
    }

    /// <summary>The tables are missing or older, and may not be made here.</summary>
    public SessionStoreException Outdated(Exception? e = null) => New(SessionStoreFault.ReadOnly,
        $"does not have the tables of version {Schema.Version}, and {(e is null ? "they may not be made here" : $"the role '{user}' may not make them")}",
        $"Run the SQL of 'iotlink postgres-sql' (or {nameof(PostgreSqlSessionStore)}.{nameof(PostgreSqlSessionStore.SchemaSql)}) as a role that may", e);

    public SessionStoreException OfOther(Exception? e = null) => Damaged("is a schema that holds something else", e);

    public SessionStoreException Newer(long version, long known) => New(SessionStoreFault.NewerVersion,
        $"has version {version} of the tables, and this library knows up to {known}", "Use the newer library that wrote it");

    public SessionStoreException Damaged(string what, Exception? e = null) => New(SessionStoreFault.Damaged,
        what, "It is left as it is. Restore a backup, or name another schema to begin anew", e);

    private SessionStoreException TookTooLong(Exception e) => New(SessionStoreFault.Unavailable,
        $"has not answered within {options.Timeout.TotalSeconds:0.#} s", $"Check the server's load and locks, and the network, or raise {nameof(options.Timeout)}; it is tried again", e);

    private SessionStoreException New(SessionStoreFault fault, string detail, string remedy, Exception? e = null) =>
        new(name, fault, detail, remedy + ".", e);

    private static string Said(PostgresException e) => $"{e.SqlState}: {Printable.Of(e.MessageText)}";
}
