using System.Reactive.Concurrency;
using Rx.IotLink.PostgreSql.Database;

namespace Rx.IotLink.PostgreSql;

/// <summary>
/// Keeps the memories of a fleet in PostgreSQL, for any number of servers. A device may connect to any of them: that
/// one claims its memory, and the former owner can write it no more, even if it was stopped meanwhile.
/// </summary>
/// <remarks>
/// <para>
/// A line that it keeps survives the server and the database's process, and a power failure as far as the database's
/// disk and settings do (<c>fsync</c>, and <c>synchronous_standby_names</c> for the loss of a whole machine).
/// </para>
/// <para>
/// A database that is away or refuses keeps nothing of a call, and the store works again as soon as the database does.
/// Whether a batch was kept whose connection was lost is not known; it is written again, which changes nothing.
/// </para>
/// <para>Safe for any number of threads. No call blocks.</para>
/// </remarks>
public sealed class PostgreSqlSessionStore : ISessionStore, IFleetStore, IAsyncDisposable, IDisposable
{
    private readonly PostgreSqlSessionStoreOptions options;
    private readonly Server server;
    private readonly Claimant claimant;
    private readonly Ownership ownership;
    private readonly WriteBatch writes;
    private readonly Lines lines;
    private readonly FleetOutbox outbox;
    private readonly Presence presence;

    // One call writes at a time, so that the numbers of calls grow in the order in which they are kept. The other
    // connections are for claims and reads: a fleet that comes back does not delay what is written.
    private readonly SemaphoreSlim writing = new(1);
    private readonly SemaphoreSlim others;
    private readonly SemaphoreSlim opening = new(1);
    private long call;
    private volatile bool isOpen;
    private volatile bool isDisposed;

    /// <summary>A store that connects when it is used for the first time.</summary>
    internal PostgreSqlSessionStore(PostgreSqlSessionStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        this.options = options;
        server = new(options);
        // One writes, and one hears of lines of other processes.
        others = new(options.MaxConnections - 2);
        claimant = new(options.Schema, options.Node, DoAsync);
        ownership = new(options.Schema, DoAsync);
        outbox = new(options.Schema);
        presence = new(options.Schema, options.Node, Guid.NewGuid(), DoAsync);
        Fleet = new(options, outbox, server.Faults, DoAsync);
        writes = new(options.Schema);
        lines = new(options.Schema);
    }

    /// <summary>The schema of the tables.</summary>
    public string Schema => options.Schema;

    /// <summary>The name of this server, which is kept with each session that it claims.</summary>
    public string Node => options.Node;

    /// <summary>Writes to the devices of the fleet, whichever server they are at.</summary>
    public PostgreSqlFleet Fleet { get; }

    /// <summary>Connects with the options' defaults, and makes the tables if they are not there.</summary>
    /// <param name="connectionString">
    /// Which database: <see cref="PostgreSqlSessionStoreOptions.ConnectionString"/>.
    /// </param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="ArgumentException">The connection string cannot be read.</exception>
    /// <exception cref="SessionStoreException">
    /// The database cannot be used; <see cref="SessionStoreException.Fault"/> says why, and the message what to do.
    /// </exception>
    public static Task<PostgreSqlSessionStore> OpenAsync(string connectionString, CancellationToken cancellationToken = default) =>
        OpenAsync(new PostgreSqlSessionStoreOptions { ConnectionString = connectionString }, cancellationToken);

    /// <summary>Connects, and brings the tables up to date.</summary>
    /// <param name="options">Which database, and how.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="ArgumentException">An option is out of range, or missing.</exception>
    /// <exception cref="SessionStoreException">
    /// The database cannot be used; <see cref="SessionStoreException.Fault"/> says why, and the message what to do.
    /// </exception>
    public static async Task<PostgreSqlSessionStore> OpenAsync(PostgreSqlSessionStoreOptions options, CancellationToken cancellationToken = default)
    {
        var store = new PostgreSqlSessionStore(options);
        try
        {
            await store.EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
            return store;
        }
        catch
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// The SQL that makes the tables, or brings them up to date, for those whose database is changed by others. It does
    /// nothing if they are up to date. A store with <see cref="PostgreSqlSessionStoreOptions.Migrate"/> runs the same.
    /// </summary>
    /// <param name="schema">The schema of the tables.</param>
    /// <exception cref="ArgumentException">It is not the name of a schema.</exception>
    public static string SchemaSql(string schema = "iotlink")
    {
        ArgumentNullException.ThrowIfNull(schema);
        PostgreSqlSessionStoreOptions.ValidateSchema(schema);
        return Database.Schema.Script(schema);
    }

    /// <inheritdoc/>
    public async ValueTask<ClaimedSession> ClaimAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        cancellationToken.ThrowIfCancellationRequested();
        await EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
        return await claimant.ClaimAsync(id).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyCollection<SessionClaim>> WriteAsync(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        cancellationToken.ThrowIfCancellationRequested();
        var changes = Changes.Of(batch);
        if (changes.Count == 0)
            return [];
        await EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
        await writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await server.RunAsync(
                connection => writes.RunAsync(connection, changes, ++call, server.TimeoutSeconds + 1, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            writing.Release();
        }
    }

    /// <inheritdoc/>
    public bool IsShared => true;

    /// <inheritdoc/>
    public async ValueTask<bool> IsFencedOutAsync(SessionClaim claim, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claim.Id, nameof(claim));
        cancellationToken.ThrowIfCancellationRequested();
        await EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
        return !await ownership.IsOwnedAsync(claim).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StoredLine>> ReadLinesAsync(SessionClaim claim, long after, int count, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claim.Id, nameof(claim));
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        await EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
        return await ReadAsync(connection => lines.ReadAsync(connection, claim, after, count, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StoredKey>> ReadKeysAsync(SessionClaim claim, long after, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claim.Id, nameof(claim));
        await EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
        return await ReadAsync(connection => lines.ReadKeysAsync(connection, claim, after, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<string>?> FindIdsAsync(long least, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(least, 1);
        await EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
        return await ReadAsync(connection => claimant.FindIdsAsync(connection, least, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Closes the connections that are not in use; a running call closes its own when it has ended.</summary>
    public void Dispose()
    {
        isDisposed = true;
        server.Dispose();
    }

    /// <summary>
    /// Ends the consumers of this process, and waits until others may take over; then as <see cref="Dispose"/>.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        await Fleet.EndAsync().ConfigureAwait(false);
        isDisposed = true;
        await server.DisposeAsync().ConfigureAwait(false);
    }

    bool IFleetStore.KeepsReceived => options.Inbox;

    IFleet? IFleetStore.SharedFleet => Fleet;

    ValueTask<string?> IFleetStore.FindUpElsewhereAsync(string id) => presence.FindUpElsewhereAsync(id);

    IDisposable IFleetStore.DeliverTo(IObservable<ILink> links, IScheduler scheduler) => new Deliveries(
        links, scheduler, outbox, server, presence, options.Inbox ? new InboxRoom(options.Schema, options.InboxFor, DoAsync) : null, DoAsync);

    /// <summary>Connects once, and brings the tables up to date.</summary>
    internal async Task EnsureOpenAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        if (isOpen)
            return;
        await opening.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (isOpen)
                return;
            isOpen = await server.RunAsync(
                async connection =>
                {
                    await Database.Schema.PrepareAsync(connection, options.Schema, options.Migrate, server.Faults, cancellationToken).ConfigureAwait(false);
                    return true;
                },
                cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            opening.Release();
        }
    }

    /// <summary>A setting of a connection.</summary>
    internal Task<string> SettingAsync(string name) => ReadAsync(
        async connection =>
        {
            var command = new Npgsql.NpgsqlCommand("SELECT current_setting($1)", connection) { Parameters = { new() { Value = name } } };
            await using (command.ConfigureAwait(false))
                return (string)(await command.ExecuteScalarAsync().ConfigureAwait(false))!;
        },
        CancellationToken.None);

    /// <summary>Does work on one of the connections that do not write batches.</summary>
    private async Task DoAsync(Func<Npgsql.NpgsqlConnection, Task> work)
    {
        await EnsureOpenAsync(CancellationToken.None).ConfigureAwait(false);
        _ = await ReadAsync(
            async connection =>
            {
                await work(connection).ConfigureAwait(false);
                return true;
            },
            CancellationToken.None).ConfigureAwait(false);
    }

    private async Task<T> ReadAsync<T>(Func<Npgsql.NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        await others.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await server.RunAsync(work, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            others.Release();
        }
    }
}
