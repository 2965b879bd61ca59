using Npgsql;
using NpgsqlTypes;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>
/// Which partitions of a consumer this process has. Each has a token, which grows with each new owner: a cursor moves
/// under the token of its owner alone.
/// </summary>
/// <param name="schema">The schema of the tables.</param>
/// <param name="consumer">The consumer.</param>
/// <param name="member">This process, or one of its consumers.</param>
/// <param name="node">The name of this process.</param>
internal sealed class Leases(string schema, string consumer, Guid member, string node)
{
    private readonly string begin = $"""
        INSERT INTO {schema}.cursors (consumer, partition, entry) SELECT $1, p, $2 FROM generate_series(0, {FleetInbox.Partitions - 1}) p ON CONFLICT DO NOTHING
        """;

    private readonly string renew = $"""
        INSERT INTO {schema}.members (member, consumer, node, until) VALUES ($1, $2, $3, clock_timestamp() + $4)
        ON CONFLICT (member) DO UPDATE SET until = excluded.until
        """;

    // A process that is stopped in the middle of a transaction holds locks, perhaps on rows of the application.
    private readonly string endStopped = $"""
        SELECT pg_terminate_backend(a.pid) FROM {schema}.members m JOIN pg_stat_activity a ON a.application_name = '{NamePrefix}' || m.member
        WHERE m.consumer = $1 AND m.until < clock_timestamp()
        """;

    private readonly string remove = $"DELETE FROM {schema}.members WHERE consumer = $1 AND until < clock_timestamp()";

    private readonly string count = $"SELECT count(*) FROM {schema}.members WHERE consumer = $1 AND until >= clock_timestamp()";

    private readonly string owned = $"SELECT partition, token, entry FROM {schema}.cursors WHERE consumer = $1 AND member = $2";

    // A row that a stopped process has locked is passed over until its connection has ended.
    private readonly string claim = $"""
        WITH free AS (
            SELECT c.partition FROM {schema}.cursors c WHERE c.consumer = $1
            AND NOT EXISTS (SELECT FROM {schema}.members m WHERE m.member = c.member)
            ORDER BY c.partition LIMIT $3 FOR UPDATE OF c SKIP LOCKED
        )
        UPDATE {schema}.cursors c SET member = $2, token = c.token + 1 FROM free WHERE c.consumer = $1 AND c.partition = free.partition
        """;

    private readonly string giveBack = $"UPDATE {schema}.cursors SET member = NULL, token = token + 1 WHERE consumer = $1 AND member = $2 AND partition = ANY($3)";

    private readonly string leave = $"DELETE FROM {schema}.members WHERE member = $1";

    private readonly string move = $"""
        UPDATE {schema}.cursors SET entry = $4 WHERE consumer = $1 AND partition = $2 AND token = $3 AND entry = $5
        """;

    private bool hasBegun;

    private const string NamePrefix = "iotlink ";

    /// <summary>How the connections of a member are called in the database.</summary>
    public static string NameOf(Guid member) => $"{NamePrefix}{member:D}";

    /// <summary>
    /// Renews the lease, takes over what others have lost, and gives back what is more than a fair share.
    /// </summary>
    /// <param name="connection">A connection.</param>
    /// <param name="held">Partitions that are at work, which are not given back now.</param>
    /// <param name="start">The entry behind which a new consumer begins.</param>
    /// <param name="time">For how long the lease is.</param>
    /// <returns>What this process has now.</returns>
    public async Task<IReadOnlyList<(short Partition, long Token, long Entry)>> RenewAsync(
        NpgsqlConnection connection, IReadOnlySet<short> held, Func<Task<long>> start, TimeSpan time)
    {
        if (!hasBegun)
        {
            await RunAsync(connection, begin, Text(consumer), Long(await start().ConfigureAwait(false))).ConfigureAwait(false);
            hasBegun = true;
        }

        await RunAsync(connection, renew, Id(member), Text(consumer), Text(node), new() { NpgsqlDbType = NpgsqlDbType.Interval, Value = time }).ConfigureAwait(false);
        await EndStoppedAsync(connection).ConfigureAwait(false);
        var members = await CountAsync(connection).ConfigureAwait(false);
        var share = (int)((FleetInbox.Partitions + members - 1) / members);
        var mine = await OwnedAsync(connection).ConfigureAwait(false);
        if (mine.Count < share)
            await RunAsync(connection, claim, Text(consumer), Id(member), Long(share - mine.Count)).ConfigureAwait(false);
        var surplus = mine.Select(one => one.Partition).Where(partition => !held.Contains(partition)).Take(mine.Count - share).ToArray();
        if (surplus.Length > 0)
            await RunAsync(connection, giveBack, Text(consumer), Id(member), Shorts(surplus)).ConfigureAwait(false);
        return await OwnedAsync(connection).ConfigureAwait(false);
    }

    /// <summary>Gives everything back.</summary>
    public Task LeaveAsync(NpgsqlConnection connection) => RunAsync(connection, leave, Id(member));

    /// <summary>Moves a cursor, as a part of the transaction that handles its lines.</summary>
    /// <returns>False: another process has the partition.</returns>
    public async Task<bool> MoveAsync(NpgsqlConnection connection, NpgsqlTransaction? transaction, short partition, long token, long from, long to)
    {
        var command = new NpgsqlCommand(move, connection, transaction)
        {
            Parameters = { Text(consumer), new() { NpgsqlDbType = NpgsqlDbType.Smallint, Value = partition }, Long(token), Long(to), Long(from) },
        };
        await using (command.ConfigureAwait(false))
            return await command.ExecuteNonQueryAsync().ConfigureAwait(false) == 1;
    }

    private async Task EndStoppedAsync(NpgsqlConnection connection)
    {
        try
        {
            await RunAsync(connection, endStopped, Text(consumer)).ConfigureAwait(false);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            // It has another role. Then its transaction ends when the network says so; its token is worth nothing.
        }

        await RunAsync(connection, remove, Text(consumer)).ConfigureAwait(false);
    }

    private async Task<long> CountAsync(NpgsqlConnection connection)
    {
        var command = new NpgsqlCommand(count, connection) { Parameters = { Text(consumer) } };
        await using (command.ConfigureAwait(false))
            return Math.Max(1, (long)(await command.ExecuteScalarAsync().ConfigureAwait(false))!);
    }

    private async Task<List<(short Partition, long Token, long Entry)>> OwnedAsync(NpgsqlConnection connection)
    {
        var command = new NpgsqlCommand(owned, connection) { Parameters = { Text(consumer), Id(member) } };
        await using var endOfCommand = command.ConfigureAwait(false);
        var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        await using var endOfReader = reader.ConfigureAwait(false);
        var all = new List<(short Partition, long Token, long Entry)>();
        while (await reader.ReadAsync().ConfigureAwait(false))
            all.Add((reader.GetInt16(0), reader.GetInt64(1), reader.GetInt64(2)));
        return all;
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, params NpgsqlParameter[] parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        await using var end = command.ConfigureAwait(false);
        command.Parameters.AddRange(parameters);
        await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    private static NpgsqlParameter Text(string value) => new() { NpgsqlDbType = NpgsqlDbType.Text, Value = value };

    private static NpgsqlParameter Id(Guid value) => new() { NpgsqlDbType = NpgsqlDbType.Uuid, Value = value };

    private static NpgsqlParameter Long(long value) => new() { NpgsqlDbType = NpgsqlDbType.Bigint, Value = value };

    private static NpgsqlParameter Shorts(short[] values) => new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Smallint, Value = values };
}
