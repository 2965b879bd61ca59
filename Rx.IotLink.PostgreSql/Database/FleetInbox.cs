using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>The table of lines that devices sent: who reads it finds each line, in the order of its device.</summary>
/// <param name="schema">The schema of the tables.</param>
/// <remarks>
/// <para>
/// A sequence gives out entries in another order than that in which they are committed: a reader that has seen entry 7
/// may find 6 later. So a writer first locks the last entry that was given out, until its transaction ends: what it
/// adds is greater. A reader reads the last entry first, and then who holds such locks: up to the lowest of these,
/// whatever will ever be there is there.
/// </para>
/// <para>
/// A long transaction of somebody else holds up no reader, as it would with the horizon of snapshots. The entries of
/// one device are in order in any case: its row in <c>sessions</c> is locked before they are given out.
/// </para>
/// </remarks>
internal sealed class FleetInbox(string schema)
{
    /// <summary>How many partitions there are. It never changes: the tables hold it.</summary>
    public const short Partitions = FleetConsumerOptions.MostConcurrent;

    /// <summary>The keys of locks have 31 bits, and no transaction lasts for half of that many entries.</summary>
    private const long Keys = 1L << 31;

    // What follows must be seen by a later snapshot than that of the locks, so it is another statement.
    private readonly string last = $"SELECT last_value FROM {schema}.inbox_entries";

    private readonly string writers = $"""
        SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted
        AND classid = '{schema}.inbox'::regclass::oid AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """;

    private readonly string read = $"""
        SELECT i.partition, i.entry, i.id, i.epoch, i.number, i.text, i.received FROM unnest($1::smallint[], $2::bigint[]) AS c(partition, entry)
        CROSS JOIN LATERAL (
            SELECT * FROM {schema}.inbox WHERE partition = c.partition AND entry > c.entry AND entry <= $3 ORDER BY entry LIMIT $4
        ) i ORDER BY i.partition, i.entry
        """;

    /// <summary>The statement of a writer, before its first entry. It gives no row.</summary>
    public static string Announce(string schema) => $"""
        SELECT FROM {schema}.inbox_entries
        WHERE pg_advisory_xact_lock_shared('{schema}.inbox'::regclass::oid::integer, (last_value % {Keys})::integer) IS NULL
        """;

    /// <summary>The partition of a device: the tables hold it, so it is the same in each version.</summary>
    public static short PartitionOf(ReadOnlySpan<byte> id)
    {
        // FNV-1a, folded: its low bits alone depend on the low bits of the id alone.
        var hash = 2_166_136_261;
        foreach (var one in id)
            hash = (hash ^ one) * 16_777_619;
        hash ^= hash >> 16;
        return (short)((hash ^ (hash >> 8)) % Partitions);
    }

    /// <summary>The last entry up to which nothing more can appear.</summary>
    public async Task<long> HorizonAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(connection) { BatchCommands = { new(last), new(writers) } };
        await using var end = batch.ConfigureAwait(false);
        var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var endOfReader = reader.ConfigureAwait(false);
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        var top = reader.GetInt64(0);
        var horizon = top;
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            // One that began after the last entry was read has a greater key, and adds nothing up to there.
            var behind = ((top - reader.GetInt64(0)) % Keys + Keys) % Keys;
            if (behind < Keys / 2)
                horizon = Math.Min(horizon, top - behind);
        }

        return horizon;
    }

    /// <summary>Reads lines of partitions, each from behind its cursor, up to the horizon.</summary>
    /// <param name="connection">A connection.</param>
    /// <param name="cursors">The partitions, and the entries after which they are read.</param>
    /// <param name="horizon">The last entry to read.</param>
    /// <param name="most">The most lines of a partition.</param>
    /// <param name="cancellationToken">Nobody waits for it any more.</param>
    public async Task<ILookup<short, FleetLine>> ReadAsync(
        NpgsqlConnection connection, IReadOnlyCollection<(short Partition, long Entry)> cursors, long horizon, int most, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(read, connection);
        await using var end = command.ConfigureAwait(false);
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Smallint, Value = cursors.Select(c => c.Partition).ToArray() });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint, Value = cursors.Select(c => c.Entry).ToArray() });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Bigint, Value = horizon });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Bigint, Value = (long)most });
        var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var endOfReader = reader.ConfigureAwait(false);
        var lines = new List<(short Partition, FleetLine Line)>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            lines.Add((reader.GetInt16(0), Line(reader, 1, attempt: 1)));
        return lines.ToLookup(line => line.Partition, line => line.Line);
    }

    /// <summary>A line from the columns entry, id, epoch, number, text, received, from this one on.</summary>
    public static FleetLine Line(NpgsqlDataReader reader, int at, int attempt) => new(
        // Lenient, as nothing of one row may hold up the others: another program may have changed it.
        Encoding.UTF8.GetString(reader.GetFieldValue<byte[]>(at + 1)),
        new(unchecked((ulong)reader.GetInt64(at + 2)), unchecked((ulong)reader.GetInt64(at + 3))),
        Encoding.UTF8.GetString(reader.GetFieldValue<byte[]>(at + 4)),
        reader.GetFieldValue<DateTimeOffset>(at + 5)) { Entry = reader.GetInt64(at), Attempt = attempt };
}
