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

    internal PostgreSqlFleet(PostgreSqlSessionStoreOptions options, FleetOutbox outbox, StoreFaults faults, Func<Func<NpgsqlConnection, Task>, Task> run)
    {
        (this.options, this.outbox, this.faults, this.run) = (options, outbox, faults, run);
        writes = new(options.FleetLines, AddAsync);

        async Task<HashSet<int>> AddAsync(IReadOnlyList<(string Id, string Text)> lines)
        {
            HashSet<int> left = [];
            await run(async connection => left = await outbox.AddAsync(
                connection, transaction: null, lines, options.FleetLines, CancellationToken.None).ConfigureAwait(false)).ConfigureAwait(false);
            return left;
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
    /// twice. A line that must not is written in a transaction of your own (<see cref="EnqueueAsync"/>).
    /// </exception>
    public Task WriteAsync(string id, string line, CancellationToken cancellationToken = default) => writes.WriteAsync(id, line, cancellationToken);

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
    public async Task EnqueueAsync(NpgsqlTransaction transaction, string id, string line, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        FleetWrites.Check(id, line);
        var connection = transaction.Connection ?? throw new InvalidOperationException("The transaction has ended.");
        HashSet<int> left;
        try
        {
            left = await outbox.AddAsync(connection, transaction, [(id, line)], options.FleetLines, cancellationToken).ConfigureAwait(false);
        }
        catch (NpgsqlException e)
        {
            throw faults.Of(e);
        }

        if (left.Count > 0)
            throw writes.Full(id);
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
