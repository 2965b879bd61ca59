using Npgsql;
using NpgsqlTypes;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>
/// Keeps a batch in one round trip: its statements go out together, and are one transaction. The first one locks and
/// changes the rows whose token is still that of the claim, and all others change nothing of any other row.
/// </summary>
/// <param name="schema">The schema of the tables.</param>
internal sealed class WriteBatch(string schema)
{
    private const string Owned = "s.id = g.id AND s.token = g.token";

    // Rows are locked in the order of their ids, as claims lock them: so two servers never wait for each other.
    private readonly string update = Update(schema, "", "");

    // A line that an earlier call kept, which was reported as failed, is not added again.
    private readonly string updateWithInbox = Update(
        schema,
        $"""
        , received AS (
            SELECT * FROM unnest($11::bigint[], $12::bigint[], $13::smallint[], $14::bigint[], $15::bigint[], $16::bytea[])
            WITH ORDINALITY AS r(at, place, partition, epoch, number, text, turn)
        ), added AS (
            INSERT INTO {schema}.inbox (partition, id, epoch, number, text)
            SELECT r.partition, o.id, r.epoch, r.number, r.text FROM received r JOIN owned o USING (at) WHERE r.place > o.known ORDER BY r.turn
        ), newest AS (
            SELECT at, max(place) AS place FROM received GROUP BY at
        )
        """,
        "received = greatest(s.received, (SELECT newest.place FROM newest WHERE newest.at = o.at)),");

    // What is added to the inbox has greater entries than the one that is locked: readers stop there until the end of
    // this transaction (FleetInbox).
    private readonly string announce = FleetInbox.Announce(schema);

    private readonly string gone = $"""
        SELECT g.at FROM unnest($1::bytea[], $2::bigint[]) AS g(id, at) WHERE NOT EXISTS (SELECT FROM {schema}.sessions s WHERE s.id = g.id)
        """;

    // The writer of a line that has come from the outbox learns of its end with the commit that ends it.
    private static string Told(string schema) => $"""
        INSERT INTO {schema}.reports (writer, entry, outcome) SELECT writer, entry, outcome FROM gone WHERE writer IS NOT NULL ON CONFLICT DO NOTHING
        """;

    private readonly string removeThrough = $"""
        WITH gone AS (
            DELETE FROM {schema}.lines l USING unnest($2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]) AS g(id, token, through, accepted)
            JOIN {schema}.sessions s ON {Owned} AND s.written = $1
            WHERE l.session = s.session AND l.position <= g.through
            RETURNING l.writer, l.entry, CASE WHEN l.position <= g.accepted THEN {(short)FleetOutcome.Accepted} ELSE {(short)FleetOutcome.Forgotten} END AS outcome
        )
        {Told(schema)}
        """;

    private readonly string remove = $"""
        WITH gone AS (
            DELETE FROM {schema}.lines l USING unnest($4::bigint[], $5::bigint[], $6::boolean[]) AS r(at, position, accepted)
            JOIN unnest($2::bytea[], $3::bigint[]) WITH ORDINALITY AS g(id, token, at) USING (at)
            JOIN {schema}.sessions s ON {Owned} AND s.written = $1
            WHERE l.session = s.session AND l.position = r.position
            RETURNING l.writer, l.entry, CASE WHEN r.accepted THEN {(short)FleetOutcome.Accepted} ELSE {(short)FleetOutcome.Dropped} END AS outcome
        )
        {Told(schema)}
        """;

    private readonly string add = $"""
        INSERT INTO {schema}.lines (session, position, text, expires, key, writer, entry)
        SELECT s.session, a.position, a.text, a.expires, a.key, o.writer, o.entry
        FROM unnest($4::bigint[], $5::bigint[], $6::bytea[], $7::bigint[], $8::bytea[], $9::bigint[]) AS a(at, position, text, expires, key, entry)
        JOIN unnest($2::bytea[], $3::bigint[]) WITH ORDINALITY AS g(id, token, at) USING (at)
        JOIN {schema}.sessions s ON {Owned} AND s.written = $1
        LEFT JOIN {schema}.outbox o ON o.entry = a.entry AND o.id = s.id
        ON CONFLICT (session, position) DO UPDATE SET text = excluded.text, expires = excluded.expires, key = excluded.key
        """;

    // A line leaves the outbox of the fleet with the commit that keeps it for its link.
    private readonly string take = $"""
        WITH gone AS (
            DELETE FROM {schema}.outbox o USING unnest($4::bigint[], $5::bigint[], $6::boolean[]) AS t(at, entry, given_up)
            JOIN unnest($2::bytea[], $3::bigint[]) WITH ORDINALITY AS g(id, token, at) USING (at)
            JOIN {schema}.sessions s ON {Owned} AND s.written = $1
            WHERE o.entry = t.entry AND o.id = s.id
            RETURNING CASE WHEN t.given_up THEN o.writer END AS writer, o.entry, {(short)FleetOutcome.Dropped} AS outcome
        )
        {Told(schema)}
        """;

    private readonly string forget = $"""
        DELETE FROM {schema}.sessions s USING unnest($2::bytea[], $3::bigint[]) AS g(id, token) WHERE {Owned} AND s.written = $1
        """;

    private static string Update(string schema, string more, string set) => $"""
        WITH given AS (
            SELECT * FROM unnest($2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[], $6::boolean[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
            WITH ORDINALITY AS g(id, token, epoch, first, has_peer, peer_epoch, accepted, connections, last_position, at)
        ), owned AS MATERIALIZED (
            SELECT s.session, s.received AS known, g.* FROM given g JOIN {schema}.sessions s ON {Owned} AND s.written < $1 ORDER BY s.id FOR UPDATE OF s
        ){more}
        UPDATE {schema}.sessions s SET
            written = $1,{set}
            epoch = coalesce(o.epoch, s.epoch),
            first = coalesce(o.first, s.first),
            peer_epoch = CASE WHEN o.has_peer THEN o.peer_epoch ELSE s.peer_epoch END,
            accepted = CASE WHEN o.has_peer THEN o.accepted ELSE s.accepted END,
            connections = coalesce(o.connections, s.connections),
            last_position = greatest(o.last_position, s.last_position)
        FROM owned o WHERE s.session = o.session RETURNING o.at
        """;

    /// <summary>Writes the changes.</summary>
    /// <param name="connection">A connection without a transaction.</param>
    /// <param name="all">The changes of each claim.</param>
    /// <param name="number">The number of this call, greater than those before it.</param>
    /// <param name="timeout">How long it may take, in seconds.</param>
    /// <param name="cancellationToken">Nobody waits for it any more.</param>
    /// <returns>The claims that are fenced out.</returns>
    public async Task<IReadOnlyCollection<SessionClaim>> RunAsync(
        NpgsqlConnection connection, List<Changes> all, long number, int timeout, CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(connection) { Timeout = timeout };
        await using (batch.ConfigureAwait(false))
        {
            Fill(batch, all, number);
            // Nothing comes back but the places of the claims that hold.
            var holding = new bool[all.Count];
            var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                do
                {
                    while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                        holding[reader.GetInt64(0) - 1] = true;
                }
                while (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false));
            }

            return Array.TrueForAll(holding, holds => holds) ? [] : [.. all.Where((_, at) => !holding[at]).Select(changes => changes.Claim)];
        }
    }

    private void Fill(NpgsqlBatch batch, List<Changes> all, long number)
    {
        // A memory that was deleted before, in a call that was reported as failed, is deleted, and its claim holds.
        var forgotten = Places(all, changes => changes.IsForgotten);
        if (forgotten.Length > 0)
            Add(batch, gone, Bytes(forgotten.Select(at => all[at].Id)), Longs(forgotten.Select(at => at + 1L)));

        var receiving = Places(all, changes => changes.Received.Count > 0);
        if (receiving.Length > 0)
            Add(batch, announce);
        Add(batch, receiving.Length > 0 ? updateWithInbox : update, [Long(number), Bytes(all.Select(c => c.Id)), Longs(all.Select(c => c.Claim.Token)), Longs(all.Select(c => c.Epoch)),
            Longs(all.Select(c => c.First)), Parameter(NpgsqlDbType.Array | NpgsqlDbType.Boolean, all.Select(c => c.HasPeer).ToArray()),
            Longs(all.Select(c => c.PeerEpoch)), Longs(all.Select(c => c.Accepted)), Longs(all.Select(c => c.Connections)), Longs(all.Select(c => c.LastPosition)), .. Received(all, receiving)]);

        // Those first that were given up among the accepted ones.
        var removing = Places(all, changes => changes.Removed.Count > 0);
        if (removing.Length > 0)
        {
            Add(batch, remove, [.. Claims(number, removing.Select(at => all[at])),
                Longs(removing.SelectMany((at, place) => all[at].Removed.Select(_ => place + 1L))), Longs(removing.SelectMany(at => all[at].Removed.Keys)),
                Parameter(NpgsqlDbType.Array | NpgsqlDbType.Boolean, removing.SelectMany(at => all[at].Removed.Values).ToArray())]);
        }

        var through = Places(all, changes => changes.RemovedThrough is not null);
        if (through.Length > 0)
            Add(batch, removeThrough, [.. Claims(number, through.Select(at => all[at])), Longs(through.Select(at => all[at].RemovedThrough!.Value)), Longs(through.Select(at => all[at].AcceptedThrough))]);

        var adding = Places(all, changes => changes.Added.Count > 0);
        if (adding.Length > 0)
        {
            var lines = adding.SelectMany(at => all[at].Added).ToArray();
            Add(batch, add, [.. Claims(number, adding.Select(at => all[at])),
                Longs(adding.SelectMany((at, place) => all[at].Added.Select(_ => place + 1L))), Longs(lines.Select(line => line.Position)),
                Bytes(lines.Select(line => Changes.Utf8.GetBytes(line.Text!))), Longs(lines.Select(line => line.Expires?.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks)),
                Bytes(lines.Select(line => line.Key is null ? null : Changes.Utf8.GetBytes(line.Key))), Longs(lines.Select(line => line.Entry))]);
        }

        var taking = Places(all, changes => changes.Taken.Count > 0);
        if (taking.Length > 0)
        {
            Add(batch, take, [.. Claims(number, taking.Select(at => all[at])),
                Longs(taking.SelectMany((at, place) => all[at].Taken.Select(_ => place + 1L))), Longs(taking.SelectMany(at => all[at].Taken)),
                Parameter(NpgsqlDbType.Array | NpgsqlDbType.Boolean, taking.SelectMany(at => all[at].Taken.Select(all[at].GivenUp.Contains)).ToArray())]);
        }

        if (forgotten.Length > 0)
            Add(batch, forget, Claims(number, forgotten.Select(at => all[at])));
    }

    private static NpgsqlParameter[] Received(List<Changes> all, int[] some)
    {
        if (some.Length == 0)
            return [];
        var lines = some.SelectMany(at => all[at].Received.Select(line => (At: at, Line: line, Partition: FleetInbox.PartitionOf(all[at].Id)))).ToArray();
        return
        [
            Longs(lines.Select(r => r.At + 1L)), Longs(lines.Select(r => r.Line.Position)),
            Parameter(NpgsqlDbType.Array | NpgsqlDbType.Smallint, lines.Select(r => r.Partition).ToArray()),
            Longs(lines.Select(r => unchecked((long)r.Line.Epoch))), Longs(lines.Select(r => unchecked((long)r.Line.Number))),
            Bytes(lines.Select(r => Changes.Utf8.GetBytes(r.Line.Text!))),
        ];
    }

    private static int[] Places(List<Changes> all, Predicate<Changes> which) => [.. Enumerable.Range(0, all.Count).Where(at => which(all[at]))];

    private static NpgsqlParameter[] Claims(long number, IEnumerable<Changes> some)
    {
        var claims = some.ToArray();
        return [Long(number), Bytes(claims.Select(c => c.Id)), Longs(claims.Select(c => c.Claim.Token))];
    }

    private static void Add(NpgsqlBatch batch, string sql, params ReadOnlySpan<NpgsqlParameter> parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter);
        batch.BatchCommands.Add(command);
    }

    private static NpgsqlParameter Long(long value) => new() { NpgsqlDbType = NpgsqlDbType.Bigint, Value = value };

    private static NpgsqlParameter Longs(IEnumerable<long> values) => Parameter(NpgsqlDbType.Array | NpgsqlDbType.Bigint, values.ToArray());

    private static NpgsqlParameter Longs(IEnumerable<long?> values) => Parameter(NpgsqlDbType.Array | NpgsqlDbType.Bigint, values.ToArray());

    private static NpgsqlParameter Bytes(IEnumerable<byte[]?> values) => Parameter(NpgsqlDbType.Array | NpgsqlDbType.Bytea, values.ToArray());

    private static NpgsqlParameter Parameter(NpgsqlDbType type, object value) => new() { NpgsqlDbType = type, Value = value };
}
