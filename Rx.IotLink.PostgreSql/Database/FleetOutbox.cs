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

    // Lines of one statement get numbers in their order. Of a device that has too many, all lines are left out.
    private readonly string add = $"""
        WITH given AS (
            SELECT * FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS g(id, text, at)
        ), full_ids AS MATERIALIZED (
            SELECT i.id FROM (SELECT DISTINCT id FROM given) i
            WHERE (SELECT count(*) FROM (SELECT FROM {schema}.outbox o WHERE o.id = i.id AND o.refused IS NULL LIMIT $3) few) >= $3
        ), added AS (
            INSERT INTO {schema}.outbox (id, text) SELECT g.id, g.text FROM given g WHERE g.id NOT IN (SELECT id FROM full_ids) ORDER BY g.at
        )
        SELECT g.at FROM given g WHERE g.id IN (SELECT id FROM full_ids)
        """;

    private readonly string notify = $"SELECT pg_notify('{schema}', encode(g.id, 'hex')) FROM (SELECT DISTINCT id FROM unnest($1::bytea[]) AS g(id)) g";

    private readonly string read = $"""
        SELECT o.entry, o.id, o.text FROM unnest($1::bytea[]) AS g(id)
        CROSS JOIN LATERAL (SELECT * FROM {schema}.outbox WHERE id = g.id AND refused IS NULL ORDER BY entry LIMIT {MostOfOne}) o
        ORDER BY o.entry
        """;

    private readonly string gone = $"""
        SELECT g.id FROM unnest($1::bytea[], $2::bigint[]) AS g(id, token) WHERE NOT EXISTS (SELECT FROM {schema}.sessions s WHERE s.id = g.id AND s.token = g.token)
        """;

    private readonly string refuse = $"UPDATE {schema}.outbox SET refused = $2 WHERE entry = $1";

    /// <summary>The command that hears of new lines.</summary>
    public string Listen { get; } = $"LISTEN {schema}";

    /// <summary>Adds lines, in their order, and says so when the transaction is committed.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="transaction">Whose transaction it is part of; null: one of its own.</param>
    /// <param name="lines">The lines.</param>
    /// <param name="most">How many lines a device may have.</param>
    /// <param name="cancellationToken">Nobody waits for it any more.</param>
    /// <returns>The places of lines that were left out, since their devices have as many already.</returns>
    public async Task<HashSet<int>> AddAsync(
        NpgsqlConnection connection, NpgsqlTransaction? transaction, IReadOnlyList<(string Id, string Text)> lines, int most, CancellationToken cancellationToken)
    {
        var ids = Bytes(lines.Select(line => line.Id));
        var batch = new NpgsqlBatch(connection, transaction);
        await using var end = batch.ConfigureAwait(false);
        var (adding, telling) = (new NpgsqlBatchCommand(add), new NpgsqlBatchCommand(notify));
        adding.Parameters.Add(ids);
        adding.Parameters.Add(Bytes(lines.Select(line => line.Text)));
        adding.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Bigint, Value = (long)most });
        telling.Parameters.Add(new() { NpgsqlDbType = ids.NpgsqlDbType, Value = ids.Value });
        batch.BatchCommands.Add(adding);
        batch.BatchCommands.Add(telling);

        var left = new HashSet<int>();
        var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var endOfReader = reader.ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            left.Add((int)reader.GetInt64(0) - 1);
        await reader.CloseAsync().ConfigureAwait(false);
        return left;
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
            all.Add(new(reader.GetInt64(0), Text(reader, 1)!, Text(reader, 2)));
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

    private static NpgsqlParameter Bytes(IEnumerable<string> texts) =>
        new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea, Value = texts.Select(Changes.Utf8.GetBytes).ToArray() };

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
