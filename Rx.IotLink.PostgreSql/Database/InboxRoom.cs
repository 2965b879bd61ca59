using Npgsql;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>
/// Deletes lines that every consumer has had, and that are old enough. One server at a time does it.
/// </summary>
/// <param name="schema">The schema of the tables.</param>
/// <param name="age">How old they must be.</param>
/// <param name="run">Does work on a connection.</param>
internal sealed class InboxRoom(string schema, TimeSpan age, Func<Func<NpgsqlConnection, Task>, Task> run)
{
    /// <summary>The most lines of a partition that one statement deletes.</summary>
    private const int MostAtOnce = 1_000;

    private int atWork;

    private readonly string free = $"SELECT pg_try_advisory_xact_lock('{schema}.inbox'::regclass::oid::integer::bigint)";

    // Only the oldest are looked at: nothing behind a line that must stay is older.
    private readonly string delete = $"""
        DELETE FROM {schema}.inbox i USING (
            SELECT p.partition, old.entry FROM generate_series(0, {FleetInbox.Partitions - 1}) AS p(partition)
            CROSS JOIN LATERAL (
                SELECT o.entry FROM (SELECT entry, received FROM {schema}.inbox WHERE partition = p.partition ORDER BY entry LIMIT {MostAtOnce}) o
                WHERE o.received < clock_timestamp() - $1
                AND NOT EXISTS (SELECT FROM {schema}.cursors c WHERE c.partition = p.partition AND c.entry < o.entry)
            ) old
        ) gone
        WHERE i.partition = gone.partition AND i.entry = gone.entry
        """;

    /// <summary>Deletes what may go, until little is left of that.</summary>
    public async Task MakeAsync()
    {
        if (Interlocked.Exchange(ref atWork, 1) == 1)
            return;
        try
        {
            var deleted = 0;
            do
                await run(async connection => deleted = await DeleteAsync(connection).ConfigureAwait(false)).ConfigureAwait(false);
            while (deleted >= MostAtOnce);
        }
        finally
        {
            Volatile.Write(ref atWork, 0);
        }
    }

    private async Task<int> DeleteAsync(NpgsqlConnection connection)
    {
        var transaction = await connection.BeginTransactionAsync().ConfigureAwait(false);
        await using var end = transaction.ConfigureAwait(false);
        var asking = new NpgsqlCommand(free, connection, transaction);
        await using (asking.ConfigureAwait(false))
        {
            if (await asking.ExecuteScalarAsync().ConfigureAwait(false) is not true)
                return 0;
        }

        var deleting = new NpgsqlCommand(delete, connection, transaction) { Parameters = { new() { Value = age } } };
        await using (deleting.ConfigureAwait(false))
        {
            var deleted = await deleting.ExecuteNonQueryAsync().ConfigureAwait(false);
            await transaction.CommitAsync().ConfigureAwait(false);
            return deleted;
        }
    }
}
