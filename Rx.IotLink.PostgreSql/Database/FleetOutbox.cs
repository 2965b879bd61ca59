using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>
/// The table of lines that any process wrote for a device, and that the device's server has not taken yet.
/// </summary>
/// <param name="schema">The schema of the tables. Its name is also the channel of notices.</param>
internal sealed class FleetOutbox(string schema)
{
    /// <summary>The most lines of a device that are read at once.</summary>
    public const int MostOfOne = 64;

    /// <summary>A line that a server has read is in its link, or still waits, after that time.</summary>
    private const int TakenWithinSeconds = 2;

    private const int MostExpired = 1_000;

    // Lines of one statement get numbers in their order. Of a device that has too many, all lines are left out: they
    // get none. Those that a newer one replaces, or that have expired, do not count.
    private readonly string add = $"""
        WITH given AS (
            SELECT * FROM unnest($1::bytea[], $2::bytea[], $4::interval[], $5::bytea[], $6::uuid[]) WITH ORDINALITY AS g(id, text, ttl, key, writer, at)
        ), full_ids AS MATERIALIZED (
            SELECT i.id FROM (SELECT DISTINCT id FROM given) i
            WHERE (SELECT count(*) FROM (
                SELECT FROM {schema}.outbox o WHERE o.id = i.id AND o.refused IS NULL AND (o.expires IS NULL OR o.expires > clock_timestamp())
                AND (o.key IS NULL OR NOT EXISTS (SELECT FROM given k WHERE k.id = o.id AND k.key = o.key)) LIMIT $3) few) >= $3
        ), added AS (
            INSERT INTO {schema}.outbox (id, text, expires, key, writer)
            SELECT g.id, g.text, clock_timestamp() + g.ttl, g.key, g.writer FROM given g WHERE g.id NOT IN (SELECT id FROM full_ids) ORDER BY g.at
            RETURNING entry
        ), numbered AS (
            SELECT entry, row_number() OVER (ORDER BY entry) AS turn FROM added
        ), placed AS (
            SELECT at, row_number() OVER (ORDER BY at) AS turn FROM given WHERE id NOT IN (SELECT id FROM full_ids)
        )
        SELECT p.at, n.entry FROM placed p JOIN numbered n USING (turn)
        """;

    // Older lines of the same keys. One that a server takes at this moment is its link's to replace.
    private readonly string replace = $"""
        WITH old AS (
            SELECT o.entry FROM {schema}.outbox o JOIN unnest($1::bytea[], $2::bytea[], $3::bigint[]) AS g(id, key, entry) ON o.id = g.id AND o.key = g.key
            WHERE o.refused IS NULL AND o.entry < g.entry FOR UPDATE OF o SKIP LOCKED
        ), gone AS (
            DELETE FROM {schema}.outbox o USING old WHERE o.entry = old.entry RETURNING o.writer, o.entry
        )
        {Report(schema, FleetOutcome.Replaced)}
        """;

    // A server may be about to take a line that has just expired, and has not looked at it again.
    private readonly string expire = $"""
        WITH old AS (
            SELECT entry FROM {schema}.outbox WHERE expires < clock_timestamp() - interval '{TakenWithinSeconds} s' AND refused IS NULL
            ORDER BY expires LIMIT {MostExpired} FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM {schema}.outbox o USING old WHERE o.entry = old.entry RETURNING o.writer, o.entry
        )
        {Report(schema, FleetOutcome.Expired)}
        """;

    private readonly string collect = $"DELETE FROM {schema}.reports WHERE writer = $1 RETURNING entry, outcome, detail";

    private readonly string forgetReports = $"DELETE FROM {schema}.reports WHERE reported < clock_timestamp() - interval '1 day'";

    private readonly string notify = $"SELECT pg_notify('{schema}', encode(g.id, 'hex')) FROM (SELECT DISTINCT id FROM unnest($1::bytea[]) AS g(id)) g";

    private readonly string read = $"""
        SELECT o.entry, o.id, o.text, o.expires - clock_timestamp(), o.key FROM unnest($1::bytea[]) AS g(id)
        CROSS JOIN LATERAL (
            SELECT * FROM {schema}.outbox WHERE id = g.id AND refused IS NULL AND (expires IS NULL OR expires > clock_timestamp()) ORDER BY entry LIMIT {MostOfOne}
        ) o
        ORDER BY o.entry
        """;

    private readonly string gone = $"""
        SELECT g.id FROM unnest($1::bytea[], $2::bigint[]) AS g(id, token) WHERE NOT EXISTS (SELECT FROM {schema}.sessions s WHERE s.id = g.id AND s.token = g.token)
        """;

    private readonly string refuse = $"""
        WITH gone AS (UPDATE {schema}.outbox SET refused = $2 WHERE entry = $1 RETURNING writer, entry)
        INSERT INTO {schema}.reports (writer, entry, outcome, detail)
        SELECT writer, entry, {(short)FleetOutcome.Refused}, $2 FROM gone WHERE writer IS NOT NULL ON CONFLICT DO NOTHING
        """;

    /// <summary>The command that hears of new lines.</summary>
    public string Listen { get; } = $"LISTEN {schema}";

    /// <summary>The end of a statement whose part <c>gone</c> has lines that have ended.</summary>
    private static string Report(string schema, FleetOutcome outcome) => $"""
        INSERT INTO {schema}.reports (writer, entry, outcome) SELECT writer, entry, {(short)outcome} FROM gone WHERE writer IS NOT NULL ON CONFLICT DO NOTHING
        """;

    /// <summary>Adds lines, in their order, and says so when the transaction is committed.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="transaction">Whose transaction it is part of; null: one of its own.</param>
    /// <param name="lines">The lines.</param>
    /// <param name="writer">Who learns what becomes of them.</param>
    /// <param name="most">How many lines a device may have.</param>
    /// <param name="cancellationToken">Nobody waits for it any more.</param>
    /// <returns>
    /// The number of each line; 0: it was left out, since its device has as many already.
    /// </returns>
    public async Task<IReadOnlyList<long>> AddAsync(
        NpgsqlConnection connection, NpgsqlTransaction? transaction, IReadOnlyList<FleetWrite> lines, Guid writer, int most, CancellationToken cancellationToken)
    {
        var ids = Bytes(lines.Select(line => line.Id));
        var batch = new NpgsqlBatch(connection, transaction);
        await using var end = batch.ConfigureAwait(false);
        var (adding, telling) = (new NpgsqlBatchCommand(add), new NpgsqlBatchCommand(notify));
        adding.Parameters.Add(ids);
        adding.Parameters.Add(Bytes(lines.Select(line => line.Text)));
        adding.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Bigint, Value = (long)most });
        adding.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Interval, Value = lines.Select(line => line.TimeToLive).ToArray() });
        adding.Parameters.Add(Bytes(lines.Select(line => line.Key)));
        adding.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid, Value = lines.Select(line => line.IsReported ? writer : (Guid?)null).ToArray() });
        telling.Parameters.Add(new() { NpgsqlDbType = ids.NpgsqlDbType, Value = ids.Value });
        batch.BatchCommands.Add(adding);
        batch.BatchCommands.Add(telling);

        var entries = new long[lines.Count];
        var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var endOfReader = reader.ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            entries[reader.GetInt64(0) - 1] = reader.GetInt64(1);
        await reader.CloseAsync().ConfigureAwait(false);
        return entries;
    }

    /// <summary>Lines that are kept now take the places of older ones of their keys.</summary>
    public async Task ReplaceAsync(NpgsqlConnection connection, IReadOnlyList<FleetWrite> lines, IReadOnlyList<long> entries)
    {
        var keyed = Enumerable.Range(0, lines.Count).Where(at => lines[at].Key is not null && entries[at] != 0).ToArray();
        if (keyed.Length == 0)
            return;
        var command = new NpgsqlCommand(replace, connection)
        {
            Parameters =
            {
                Bytes(keyed.Select(at => lines[at].Id)), Bytes(keyed.Select(at => lines[at].Key)),
                new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint, Value = keyed.Select(at => entries[at]).ToArray() },
            },
        };
        await using (command.ConfigureAwait(false))
            await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    /// <summary>Ends lines that have expired, and reports that nobody has asked for.</summary>
    public async Task SweepAsync(NpgsqlConnection connection)
    {
        var batch = new NpgsqlBatch(connection) { BatchCommands = { new(expire), new(forgetReports) } };
        await using (batch.ConfigureAwait(false))
            await batch.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    /// <summary>What has become of lines of a writer. Each is given once.</summary>
    public async Task<IReadOnlyList<FleetReport>> CollectAsync(NpgsqlConnection connection, Guid writer)
    {
        var batch = new NpgsqlBatch(connection) { BatchCommands = { new(collect) { Parameters = { new() { NpgsqlDbType = NpgsqlDbType.Uuid, Value = writer } } }, new(expire) } };
        await using var end = batch.ConfigureAwait(false);
        var reader = await batch.ExecuteReaderAsync().ConfigureAwait(false);
        await using var endOfReader = reader.ConfigureAwait(false);
        var all = new List<FleetReport>();
        while (await reader.ReadAsync().ConfigureAwait(false))
            all.Add(Reported(reader));
        await reader.CloseAsync().ConfigureAwait(false);
        return all;
    }

    /// <summary>The first lines of devices, oldest first; and which of their claims are fenced out.</summary>
    public async Task<(IReadOnlyList<FleetEntry> Entries, HashSet<string> Gone)> ReadAsync(NpgsqlConnection connection, IReadOnlyCollection<SessionClaim> claims)
    {
        var tokens = new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint, Value = claims.Select(claim => claim.Token).ToArray() };
        var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new(read) { Parameters = { Bytes(claims.Select(claim => claim.Id)) } },
                new(gone) { Parameters = { Bytes(claims.Select(claim => claim.Id)), tokens } },
            },
        };
        await using var end = batch.ConfigureAwait(false);
        var reader = await batch.ExecuteReaderAsync().ConfigureAwait(false);
        await using var endOfReader = reader.ConfigureAwait(false);
        var (all, fenced) = (new List<FleetEntry>(), new HashSet<string>(StringComparer.Ordinal));
        while (await reader.ReadAsync().ConfigureAwait(false))
            all.Add(Entry(reader));
        await reader.NextResultAsync().ConfigureAwait(false);
        while (await reader.ReadAsync().ConfigureAwait(false))
            fenced.Add(Text(reader, 0)!);
        return (all, fenced);
    }

    /// <summary>A line can never be sent: it stays in the table, with the reason, and is not read again.</summary>
    public async Task RefuseAsync(NpgsqlConnection connection, long entry, string reason)
    {
        var command = new NpgsqlCommand(refuse, connection);
        await using var end = command.ConfigureAwait(false);
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Bigint, Value = entry });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Text, Value = reason });
        await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    private static NpgsqlParameter Bytes(IEnumerable<string?> texts) =>
        new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea, Value = texts.Select(text => text is null ? null : Changes.Utf8.GetBytes(text)).ToArray() };

    private static FleetReport Reported(NpgsqlDataReader reader) =>
        new(reader.GetInt64(0), (FleetOutcome)reader.GetInt16(1), reader.IsDBNull(2) ? null : reader.GetString(2));

    private static FleetEntry Entry(NpgsqlDataReader reader) =>
        new(reader.GetInt64(0), Text(reader, 1)!, Text(reader, 2), TimeLeft(reader, 3), reader.IsDBNull(4) ? null : Text(reader, 4));

    // A link takes no less than a millisecond, and no more than ten years.
    private static TimeSpan? TimeLeft(NpgsqlDataReader reader, int column) => reader.IsDBNull(column)
        ? null
        : TimeSpan.FromTicks(Math.Clamp(reader.GetFieldValue<TimeSpan>(column).Ticks, TimeSpan.TicksPerMillisecond, 3_650 * TimeSpan.TicksPerDay));

    // The ids are those that were asked for; what the text is, another program may have decided.
    private static string? Text(NpgsqlDataReader reader, int column)
    {
        try
        {
            return Changes.Utf8.GetString(reader.GetFieldValue<byte[]>(column));
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
