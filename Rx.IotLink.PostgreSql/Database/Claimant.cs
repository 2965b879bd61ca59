using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Npgsql;
using NpgsqlTypes;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>
/// Claims memories, many in one statement. Two claims of one memory are two statements: the later one fences out the
/// other.
/// </summary>
/// <param name="schema">The schema of the tables.</param>
/// <param name="node">The name of this server.</param>
/// <param name="run">Runs work on a connection, and makes the exception of a failure.</param>
internal sealed class Claimant(string schema, string node, Claimant.Run run) : Gathering<string, ClaimedSession>(MostAtOnce, isEachOnce: true)
{
    /// <summary>The most claims of one statement.</summary>
    public const int MostAtOnce = 256;

    // A token is never given twice, even if the newest ones were lost with a server: so it follows the clock, and is
    // always greater than the one before it. Rows are locked in the order of their ids, as batches lock them.
    private readonly string claim = $"""
        WITH {History.Here}
        INSERT INTO {schema}.sessions AS s (id, token, node, history)
        SELECT g.id, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, $2, h.kept FROM unnest($1::bytea[]) AS g(id), here h ORDER BY g.id
        ON CONFLICT (id) DO UPDATE SET
            token = greatest(s.token + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
            written = 0, received = 0, node = excluded.node, claimed = clock_timestamp()
        RETURNING s.id, s.token, s.epoch, s.first, s.peer_epoch, s.accepted, s.connections, s.last_position
        """;

    // The rows are locked now. Those of another history of the database begin new epochs.
    private readonly string beginAnew = $"""
        WITH {History.Here}
        UPDATE {schema}.sessions s SET
            epoch = CASE WHEN s.epoch IS NULL OR {History.IsSame} THEN s.epoch ELSE g.epoch END,
            first = CASE WHEN s.epoch IS NULL OR {History.IsSame} THEN s.first ELSE 1 END,
            history = h.kept
        FROM unnest($1::bytea[], $2::bigint[]) AS g(id, epoch), here h
        WHERE s.id = g.id AND s.history IS DISTINCT FROM h.kept
        RETURNING s.id, s.epoch, s.first
        """;

    // Nobody adds lines.
    private readonly string count = $"""
        SELECT s.id, count(*), sum(octet_length(l.text))::bigint
        FROM unnest($1::bytea[]) AS g(id) JOIN {schema}.sessions s USING (id) JOIN {schema}.lines l USING (session) GROUP BY s.id
        """;

    // A negative one is a number without sign that is greater than all.
    private readonly string find = $"SELECT id FROM {schema}.sessions WHERE (connections >= $1 OR connections < 0) AND node = $2";

    /// <summary>Runs work on a connection, and makes the exception of a failure.</summary>
    public delegate Task Run(Func<NpgsqlConnection, Task> work);

    /// <summary>Claims the memory of an id.</summary>
    public Task<ClaimedSession> ClaimAsync(string id) => AskAsync(id);

    /// <summary>
    /// Finds the memories that this server claimed last, with at least so great a number of connections.
    /// </summary>
    public async Task<IReadOnlyList<string>> FindIdsAsync(NpgsqlConnection connection, long least, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(find, connection) { Parameters = { new() { Value = least }, new() { Value = node } } };
        await using var end = command.ConfigureAwait(false);
        var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var endOfReader = reader.ConfigureAwait(false);
        var found = new List<string>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            found.Add(Id(reader));
        return found;
    }

    protected override async Task AnswerAsync(IReadOnlyList<Asked<string, ClaimedSession>> some)
    {
        try
        {
            await ClaimTogetherAsync(some).ConfigureAwait(false);
        }
        catch (SessionStoreException failure) when (failure.Fault == SessionStoreFault.InUse && some.Count > 1)
        {
            // Another transaction may hold the row of one of them, which must not delay the others.
            foreach (var wish in some)
                _ = ClaimAloneAsync(wish);
        }
    }

    private async Task ClaimAloneAsync(Asked<string, ClaimedSession> wish)
    {
        try
        {
            await ClaimTogetherAsync([wish]).ConfigureAwait(false);
        }
        catch (Exception failure)
        {
            wish.Result.TrySetException(failure);
        }
    }

    private async Task ClaimTogetherAsync(IReadOnlyList<Asked<string, ClaimedSession>> some)
    {
        var claimed = new Dictionary<string, ClaimedSession>(StringComparer.Ordinal);
        await run(connection => ClaimAsync(connection, some, claimed)).ConfigureAwait(false);
        foreach (var wish in some)
            wish.Result.TrySetResult(claimed[wish.Question]);
    }

    private async Task ClaimAsync(NpgsqlConnection connection, IReadOnlyList<Asked<string, ClaimedSession>> some, Dictionary<string, ClaimedSession> claimed)
    {
        var ids = some.Select(wish => Changes.Utf8.GetBytes(wish.Question)).ToArray();
        var batch = new NpgsqlBatch(connection);
        await using var end = batch.ConfigureAwait(false);
        var (claims, anew, counts) = (new NpgsqlBatchCommand(claim), new NpgsqlBatchCommand(beginAnew), new NpgsqlBatchCommand(count));
        claims.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea, Value = ids });
        claims.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Text, Value = node });
        anew.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea, Value = ids });
        anew.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint, Value = NewEpochs(ids.Length) });
        counts.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea, Value = ids });
        batch.BatchCommands.Add(claims);
        batch.BatchCommands.Add(anew);
        batch.BatchCommands.Add(counts);

        var reader = await batch.ExecuteReaderAsync().ConfigureAwait(false);
        await using var endOfReader = reader.ConfigureAwait(false);
        while (await reader.ReadAsync().ConfigureAwait(false))
        {
            var id = Id(reader);
            var memory = new SessionMemory(
                Unsigned(reader, 2), Unsigned(reader, 3)!.Value, Unsigned(reader, 4), Unsigned(reader, 5)!.Value, Unsigned(reader, 6)!.Value,
                reader.GetInt64(7), Waiting: 0, WaitingBytes: 0);
            claimed.Add(id, new(new(id, reader.GetInt64(1)), memory));
        }

        await reader.NextResultAsync().ConfigureAwait(false);
        while (await reader.ReadAsync().ConfigureAwait(false))
        {
            var one = claimed[Id(reader)];
            claimed[one.Claim.Id] = one with { Memory = one.Memory with { Epoch = Unsigned(reader, 1), First = Unsigned(reader, 2)!.Value } };
        }

        await reader.NextResultAsync().ConfigureAwait(false);
        while (await reader.ReadAsync().ConfigureAwait(false))
        {
            var one = claimed[Id(reader)];
            claimed[one.Claim.Id] = one with { Memory = one.Memory with { Waiting = reader.GetInt64(1), WaitingBytes = reader.GetInt64(2) } };
        }

        // The transaction ends with the last result: before that nothing is claimed.
        await reader.CloseAsync().ConfigureAwait(false);
    }

    private static long[] NewEpochs(int count)
    {
        var epochs = new long[count];
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(epochs.AsSpan()));
        return epochs;
    }

    private static string Id(NpgsqlDataReader reader) => Changes.Utf8.GetString(reader.GetFieldValue<byte[]>(0));

    private static ulong? Unsigned(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : unchecked((ulong)reader.GetInt64(column));
}
