using Npgsql;
using NpgsqlTypes;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>
/// Lines of a consumer whose handlers failed, and what came behind them from the same devices. So one device does not
/// hold up the others of its partition.
/// </summary>
/// <param name="schema">The schema of the tables.</param>
/// <param name="consumer">The consumer.</param>
internal sealed class SetAside(string schema, string consumer)
{
    // The partitions that have something to do: lines, or a line that failed and is to be tried again.
    private readonly string wanted = $"""
        SELECT c.partition FROM unnest($2::smallint[], $3::bigint[]) AS c(partition, entry)
        WHERE EXISTS (SELECT FROM {schema}.inbox i WHERE i.partition = c.partition AND i.entry > c.entry AND i.entry <= $4)
        OR EXISTS (SELECT FROM {schema}.set_aside s WHERE s.consumer = $1 AND s.partition = c.partition AND s.dead IS NULL AND s.due <= clock_timestamp() AND {First(schema)})
        """;

    private readonly string blocked = $"SELECT DISTINCT id FROM {schema}.set_aside WHERE consumer = $1 AND partition = $2 AND dead IS NULL";

    private readonly string due = $"""
        SELECT s.entry, s.id, s.epoch, s.number, s.text, s.received, s.attempts FROM {schema}.set_aside s
        WHERE s.consumer = $1 AND s.partition = $2 AND s.dead IS NULL AND s.due <= clock_timestamp() AND {First(schema)} ORDER BY s.due LIMIT 1
        """;

    private readonly string add = $"""
        INSERT INTO {schema}.set_aside (consumer, entry, partition, id, epoch, number, text, received, attempts, due, error, dead)
        SELECT $1, entry, partition, id, epoch, number, text, received, $4, clock_timestamp() + $5, $6, CASE WHEN $7 THEN clock_timestamp() END
        FROM {schema}.inbox WHERE partition = $2 AND entry = $3
        """;

    private readonly string again = $"""
        UPDATE {schema}.set_aside SET attempts = $3, due = clock_timestamp() + $4, error = $5, dead = CASE WHEN $6 THEN clock_timestamp() END
        WHERE consumer = $1 AND entry = $2
        """;

    private readonly string done = $"DELETE FROM {schema}.set_aside WHERE consumer = $1 AND entry = $2";

    /// <summary>Which of these partitions have something to do.</summary>
    public async Task<IReadOnlyList<short>> WantedAsync(NpgsqlConnection connection, IReadOnlyCollection<(short Partition, long Entry)> cursors, long horizon)
    {
        var command = new NpgsqlCommand(wanted, connection)
        {
            Parameters =
            {
                Text(consumer),
                new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Smallint, Value = cursors.Select(c => c.Partition).ToArray() },
                new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint, Value = cursors.Select(c => c.Entry).ToArray() },
                Long(horizon),
            },
        };
        return await ReadAsync(command, reader => reader.GetInt16(0)).ConfigureAwait(false);
    }

    /// <summary>The devices of a partition whose lines must wait for one that failed.</summary>
    public async Task<HashSet<string>> BlockedAsync(NpgsqlConnection connection, short partition)
    {
        var command = new NpgsqlCommand(blocked, connection) { Parameters = { Text(consumer), Short(partition) } };
        var ids = await ReadAsync(command, reader => System.Text.Encoding.UTF8.GetString(reader.GetFieldValue<byte[]>(0))).ConfigureAwait(false);
        return ids.ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>The line of a partition that is to be tried again first, or null.</summary>
    public async Task<FleetLine?> DueAsync(NpgsqlConnection connection, short partition)
    {
        var command = new NpgsqlCommand(due, connection) { Parameters = { Text(consumer), Short(partition) } };
        var lines = await ReadAsync(command, reader => FleetInbox.Line(reader, 0, reader.GetInt32(6) + 1)).ConfigureAwait(false);
        return lines.Count > 0 ? lines[0] : null;
    }

    /// <summary>Sets a line aside.</summary>
    public Task AddAsync(NpgsqlConnection connection, NpgsqlTransaction? transaction, short partition, long entry, Failure failure) => RunAsync(
        new NpgsqlCommand(add, connection, transaction) { Parameters = { Text(consumer), Short(partition), Long(entry) } }, failure);

    /// <summary>A line that was set aside has failed again.</summary>
    public Task FailedAsync(NpgsqlConnection connection, NpgsqlTransaction? transaction, long entry, Failure failure) => RunAsync(
        new NpgsqlCommand(again, connection, transaction) { Parameters = { Text(consumer), Long(entry) } }, failure);

    /// <summary>A line that was set aside is handled.</summary>
    public async Task DoneAsync(NpgsqlConnection connection, NpgsqlTransaction? transaction, long entry)
    {
        var command = new NpgsqlCommand(done, connection, transaction) { Parameters = { Text(consumer), Long(entry) } };
        await using (command.ConfigureAwait(false))
            await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    private static string First(string schema) => $"""
        NOT EXISTS (SELECT FROM {schema}.set_aside b WHERE b.consumer = s.consumer AND b.partition = s.partition AND b.id = s.id AND b.entry < s.entry AND b.dead IS NULL)
        """;

    private static async Task RunAsync(NpgsqlCommand command, Failure failure)
    {
        await using var end = command.ConfigureAwait(false);
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Integer, Value = failure.Attempts });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Interval, Value = failure.Delay });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Text, Value = (object?)failure.Error ?? DBNull.Value });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Boolean, Value = failure.IsDead });
        await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    private static async Task<List<T>> ReadAsync<T>(NpgsqlCommand command, Func<NpgsqlDataReader, T> one)
    {
        await using var end = command.ConfigureAwait(false);
        var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        await using var endOfReader = reader.ConfigureAwait(false);
        var all = new List<T>();
        while (await reader.ReadAsync().ConfigureAwait(false))
            all.Add(one(reader));
        return all;
    }

    private static NpgsqlParameter Text(string value) => new() { NpgsqlDbType = NpgsqlDbType.Text, Value = value };

    private static NpgsqlParameter Short(short value) => new() { NpgsqlDbType = NpgsqlDbType.Smallint, Value = value };

    private static NpgsqlParameter Long(long value) => new() { NpgsqlDbType = NpgsqlDbType.Bigint, Value = value };

    /// <summary>Why a line is set aside.</summary>
    /// <param name="Attempts">How often it was tried; 0: it waits for another one.</param>
    /// <param name="Delay">When it is tried again.</param>
    /// <param name="Error">What failed; null: nothing of its own.</param>
    /// <param name="IsDead">Whether it is not tried again.</param>
    public readonly record struct Failure(int Attempts, TimeSpan Delay, string? Error, bool IsDead)
    {
        /// <summary>A line that waits for another one of its device.</summary>
        public static Failure Behind => default;
    }
}
