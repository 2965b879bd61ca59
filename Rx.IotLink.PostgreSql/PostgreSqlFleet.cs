using System.Data.Common;
using System.Reactive.Concurrency;
using Npgsql;
using Rx.IotLink.PostgreSql.Database;

namespace Rx.IotLink.PostgreSql;

/// <summary>
/// Writes to the devices of a fleet, and takes their lines, in any process that has its database, a server or not. From
/// <see cref="PostgreSqlSessionStore.Fleet"/>.
/// </summary>
/// <remarks>
/// A line waits in the outbox of the fleet until the server that has the device takes it, within milliseconds (or five
/// seconds, if the notice is lost). From then on it is as if it had been written to the link there: it is delivered
/// once and in order, and its limits are those of the link. A line for a device that never comes waits for ever.
/// Lines of one process keep their order for each device.
/// </remarks>
public sealed partial class PostgreSqlFleet : IFleet
{
    private readonly PostgreSqlSessionStoreOptions options;
    private readonly FleetOutbox outbox;
    private readonly Func<Func<NpgsqlConnection, Task>, Task> run;
    private readonly StoreFaults faults;
    private readonly FleetWrites writes;
    private readonly FleetReports reports;

    // Those who write here, as far as reports are concerned.
    private readonly Guid writer = Guid.NewGuid();

    internal PostgreSqlFleet(PostgreSqlSessionStoreOptions options, FleetOutbox outbox, StoreFaults faults, Func<Func<NpgsqlConnection, Task>, Task> run)
    {
        (this.options, this.outbox, this.faults, this.run) = (options, outbox, faults, run);
        reports = new(CollectAsync);
        writes = new(options.FleetLines, AddAsync, reports);

        async Task<IReadOnlyList<long>> AddAsync(IReadOnlyList<FleetWrite> lines)
        {
            IReadOnlyList<long> entries = [];
            await run(async connection =>
            {
                entries = await outbox.AddAsync(connection, transaction: null, lines, writer, options.FleetLines, CancellationToken.None).ConfigureAwait(false);
                await outbox.ReplaceAsync(connection, lines, entries).ConfigureAwait(false);
            }).ConfigureAwait(false);
            return entries;
        }

        async Task<IReadOnlyList<FleetReport>> CollectAsync()
        {
            IReadOnlyList<FleetReport> all = [];
            await run(async connection => all = await outbox.CollectAsync(connection, writer).ConfigureAwait(false)).ConfigureAwait(false);
            return all;
        }
    }

    /// <summary>Writes a line. Completes when it is kept in the outbox of the fleet.</summary>
    /// <param name="id">The device.</param>
    /// <param name="line">The line, without a line feed.</param>
    /// <param name="cancellationToken">Ends the wait; the line may be kept all the same.</param>
    /// <exception cref="ArgumentException">The id is empty, or the line breaks a rule.</exception>
    /// <exception cref="OutboxFullException">
    /// <see cref="PostgreSqlSessionStoreOptions.FleetLines"/> lines of this device wait already.
    /// </exception>
    /// <exception cref="SessionStoreException">
    /// The database failed. If the connection was lost, the line may be kept all the same: written again, it may come
    /// twice. A line that must not is written in a transaction of your own
    /// (<see cref="EnqueueAsync(NpgsqlTransaction, string, string, CancellationToken)"/>).
    /// </exception>
    public Task WriteAsync(string id, string line, CancellationToken cancellationToken = default) =>
        writes.WriteAsync(FleetWrite.Of(id, line), cancellationToken);

    /// <summary>
    /// The same, with options: a time to live, a key, and when the write completes. With
    /// <see cref="WrittenUntil.Accepted"/> it completes when the device has accepted the line. The commit with which
    /// the server removes the accepted line says so to this process, which asks for that every 10 to 500 ms. All
    /// servers of the fleet must have this version.
    /// </summary>
    /// <param name="id">The device.</param>
    /// <param name="line">The line, without a line feed.</param>
    /// <param name="options">
    /// <see cref="WriteOptions.Delivery"/> and <see cref="WriteOptions.Ordering"/> must be the defaults.
    /// </param>
    /// <param name="cancellationToken">Ends the wait; the line arrives all the same.</param>
    /// <inheritdoc cref="IFleet.WriteAsync(string, string, WriteOptions, CancellationToken)"/>
    public Task WriteAsync(string id, string line, WriteOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return writes.WriteAsync(FleetWrite.Of(id, line, options), cancellationToken);
    }

    /// <summary>
    /// Writes a line as a part of a transaction of the application: it is sent if and when that is committed.
    /// </summary>
    /// <param name="transaction">A transaction in the database of the fleet, with rights on its tables.</param>
    /// <param name="id">The device.</param>
    /// <param name="line">The line, without a line feed.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">The id is empty, or the line breaks a rule.</exception>
    /// <exception cref="OutboxFullException">
    /// <see cref="PostgreSqlSessionStoreOptions.FleetLines"/> lines of this device wait already.
    /// </exception>
    /// <exception cref="SessionStoreException">The database failed.</exception>
    public Task EnqueueAsync(NpgsqlTransaction transaction, string id, string line, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return EnqueueAsync(transaction, FleetWrite.Of(id, line), cancellationToken);
    }

    /// <summary>The same, with options: a time to live and a key.</summary>
    /// <param name="transaction">A transaction in the database of the fleet, with rights on its tables.</param>
    /// <param name="id">The device.</param>
    /// <param name="line">The line, without a line feed.</param>
    /// <param name="options">
    /// <see cref="WriteOptions.Until"/> must be <see cref="WrittenUntil.Stored"/>.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <inheritdoc cref="IFleet.EnqueueAsync(DbTransaction, string, string, WriteOptions, CancellationToken)"/>
    public Task EnqueueAsync(NpgsqlTransaction transaction, string id, string line, WriteOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return EnqueueAsync(transaction, FleetWrite.InTransaction(id, line, options), cancellationToken);
    }

    private async Task EnqueueAsync(NpgsqlTransaction transaction, FleetWrite line, CancellationToken cancellationToken)
    {
        var connection = transaction.Connection ?? throw new InvalidOperationException("The transaction has ended.");
        IReadOnlyList<long> entries;
        try
        {
            entries = await outbox.AddAsync(connection, transaction, [line], writer, options.FleetLines, cancellationToken).ConfigureAwait(false);
        }
        catch (NpgsqlException e)
        {
            throw faults.Of(e);
        }

        if (entries[0] == 0)
            throw writes.Full(line.Id);
    }

    /// <summary>
    /// The devices of the fleet in the order of their ids: which server has each, whether it is up and since when, and
    /// why it was down the last time. Servers write this within milliseconds.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreException">The database failed.</exception>
    public Task<IReadOnlyList<FleetDevice>> GetDevicesAsync(CancellationToken cancellationToken = default) => DevicesAsync(id: null, cancellationToken);

    /// <summary>The same for one device; null if the database does not know it.</summary>
    /// <param name="id">The device.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreException">The database failed.</exception>
    public async Task<FleetDevice?> GetDeviceAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        var found = await DevicesAsync(id, cancellationToken).ConfigureAwait(false);
        return found.Count > 0 ? found[0] : null;
    }

    /// <inheritdoc/>
    public IObservable<FleetDevice> ObserveDevices(TimeSpan? refresh = null, IScheduler? scheduler = null) => FleetDevices.Observe(GetDevicesAsync, refresh, scheduler);

    Task IFleet.EnqueueAsync(DbTransaction transaction, string id, string line, CancellationToken cancellationToken) =>
        EnqueueAsync(Own(transaction), id, line, cancellationToken);

    Task IFleet.EnqueueAsync(DbTransaction transaction, string id, string line, WriteOptions options, CancellationToken cancellationToken) =>
        EnqueueAsync(Own(transaction), id, line, options, cancellationToken);

    FleetConsumer IFleet.Process(string consumer, Func<FleetLine, DbTransaction, CancellationToken, Task> handler, FleetConsumerOptions? options)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return Process(consumer, (line, transaction, ct) => handler(line, transaction, ct), options);
    }

    private static NpgsqlTransaction Own(DbTransaction transaction)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return transaction as NpgsqlTransaction ?? throw new ArgumentException($"It is a {transaction.GetType().Name}, and no transaction of Npgsql.", nameof(transaction));
    }

    private async Task<IReadOnlyList<FleetDevice>> DevicesAsync(string? id, CancellationToken cancellationToken)
    {
        var devices = new List<FleetDevice>();
        await run(async connection =>
        {
            var command = new NpgsqlCommand(Presence.Query(options.Schema), connection);
            await using var end = command.ConfigureAwait(false);
            command.Parameters.Add(new() { NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bytea, Value = id is null ? DBNull.Value : Changes.Utf8.GetBytes(id) });
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using var endOfReader = reader.ConfigureAwait(false);
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                devices.Add(Presence.Device(reader));
        }).ConfigureAwait(false);
        return devices;
    }
}
