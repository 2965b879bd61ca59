using Npgsql;
using Rx.IotLink.PostgreSql.Database;
using Rx.IotLink.Protocol;

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
public sealed partial class PostgreSqlFleet
{
    /// <summary>The most lines that wait in this process for the database, of all devices together.</summary>
    private const int MostWaiting = 65_536;

    private const int MostAtOnce = 256;

    private readonly PostgreSqlSessionStoreOptions options;
    private readonly FleetOutbox outbox;
    private readonly Func<Func<NpgsqlConnection, Task>, Task> run;
    private readonly StoreFaults faults;
    private readonly int most;
    private readonly Lock gate = new();
    private readonly Queue<Written> waiting = new();
    private bool atWork;

    internal PostgreSqlFleet(PostgreSqlSessionStoreOptions options, FleetOutbox outbox, StoreFaults faults, Func<Func<NpgsqlConnection, Task>, Task> run) =>
        (this.options, this.outbox, this.faults, most, this.run) = (options, outbox, faults, options.FleetLines, run);

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
    public Task WriteAsync(string id, string line, CancellationToken cancellationToken = default)
    {
        Check(id, line);
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled(cancellationToken);
        var written = new Written(id, line);
        bool begins;
        lock (gate)
        {
            if (waiting.Count == MostWaiting)
                throw new OutboxFullException(id, "the number of lines that wait for the database", MostWaiting);
            waiting.Enqueue(written);
            (begins, atWork) = (!atWork, true);
        }

        if (begins)
            _ = WriteAllAsync();
        return written.Result.Task.WaitAsync(cancellationToken);
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
    public async Task EnqueueAsync(NpgsqlTransaction transaction, string id, string line, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        Check(id, line);
        var connection = transaction.Connection ?? throw new InvalidOperationException("The transaction has ended.");
        HashSet<int> left;
        try
        {
            left = await outbox.AddAsync(connection, transaction, [(id, line)], most, cancellationToken).ConfigureAwait(false);
        }
        catch (NpgsqlException e)
        {
            throw faults.Of(e);
        }

        if (left.Count > 0)
            throw Full(id);
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

    private static void Check(string id, string line)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        _ = LineText.Check(line, int.MaxValue);
    }

    private OutboxFullException Full(string id) => new(id, nameof(PostgreSqlSessionStoreOptions.FleetLines), most);

    /// <summary>While one statement runs, the next lines gather.</summary>
    private async Task WriteAllAsync()
    {
        while (Next() is { Count: > 0 } some)
        {
            try
            {
                HashSet<int> left = [];
                await run(async connection => left = await outbox.AddAsync(
                    connection, transaction: null, [.. some.Select(one => (one.Id, one.Line))], most, CancellationToken.None).ConfigureAwait(false)).ConfigureAwait(false);
                for (var at = 0; at < some.Count; at++)
                {
                    if (left.Contains(at))
                        some[at].Result.TrySetException(Full(some[at].Id));
                    else
                        some[at].Result.TrySetResult();
                }
            }
            catch (Exception exception)
            {
                // What waits behind a line that is not kept is not kept either: lines keep their order.
                lock (gate)
                {
                    some.AddRange(waiting);
                    waiting.Clear();
                }

                some.ForEach(one => one.Result.TrySetException(exception));
            }
        }
    }

    private List<Written> Next()
    {
        var some = new List<Written>();
        lock (gate)
        {
            while (some.Count < MostAtOnce && waiting.TryDequeue(out var next))
                some.Add(next);
            atWork = some.Count > 0;
        }

        return some;
    }

    /// <summary>A line whose writer waits.</summary>
    private sealed record Written(string Id, string Line)
    {
        public TaskCompletionSource Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
