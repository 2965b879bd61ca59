using Npgsql;
using NpgsqlTypes;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>
/// Writes which devices are up at this server, many in one statement; and that this server is alive. Of a device only
/// the last state counts, and only while this server has it.
/// </summary>
/// <param name="schema">The schema of the tables.</param>
/// <param name="node">The name of this server.</param>
/// <param name="server">This server, among those of all names.</param>
/// <param name="run">Does work on a connection.</param>
internal sealed class Presence(string schema, string node, Guid server, Func<Func<NpgsqlConnection, Task>, Task> run)
{
    /// <summary>After how many seconds without a sign of life a server counts as gone.</summary>
    public const int GoneAfterSeconds = 15;

    private const int MostAtOnce = 500;

    private readonly Lock gate = new();
    private readonly Dictionary<string, State> waiting = new(StringComparer.Ordinal);
    private bool atWork;
    private volatile bool hasPlace;

    // Rows are locked in the order of their ids, as batches and claims lock them.
    private readonly string write = $"""
        WITH known AS MATERIALIZED (
            SELECT s.session, g.* FROM unnest($2::bytea[], $3::bigint[], $4::boolean[], $5::timestamptz[], $6::text[]) AS g(id, token, is_up, since, outage)
            JOIN {schema}.sessions s ON s.id = g.id AND s.token = g.token ORDER BY s.id FOR UPDATE OF s
        )
        UPDATE {schema}.sessions s SET server = $1, is_up = k.is_up, since = k.since, outage = coalesce(k.outage, s.outage)
        FROM known k WHERE s.session = k.session
        """;

    private readonly string live = $"""
        INSERT INTO {schema}.servers (server, node) VALUES ($1, $2) ON CONFLICT (server) DO UPDATE SET seen = clock_timestamp()
        """;

    private readonly string elsewhere = $"""
        SELECT v.node FROM {schema}.sessions s JOIN {schema}.servers v USING (server)
        WHERE s.id = $1 AND s.is_up AND s.server <> $2 AND v.seen > clock_timestamp() - interval '{GoneAfterSeconds} s'
        """;

    // A server that was killed does not leave, and the next one with its name stands where it stood. If a namesake is
    // alive all the same, its next sign of life brings it back.
    private readonly string takePlace = $"DELETE FROM {schema}.servers WHERE node = $2 AND server <> $1";

    private readonly string remove = $"DELETE FROM {schema}.servers WHERE seen < clock_timestamp() - interval '1 day'";

    private readonly string leave = $"DELETE FROM {schema}.servers WHERE server = $1";

    /// <summary>The query of all devices; <c>$1</c>: one of them, or null.</summary>
    public static string Query(string schema) => $"""
        SELECT convert_from(s.id, 'UTF8'), coalesce(v.node, s.node), s.is_up AND coalesce(v.seen > clock_timestamp() - interval '{GoneAfterSeconds} s', false) AS up,
            CASE WHEN s.is_up AND v.seen <= clock_timestamp() - interval '{GoneAfterSeconds} s' THEN v.seen ELSE s.since END, s.outage
        FROM {schema}.sessions s LEFT JOIN {schema}.servers v USING (server) WHERE $1::bytea IS NULL OR s.id = $1 ORDER BY s.id
        """;

    /// <summary>A row of it.</summary>
    public static FleetDevice Device(NpgsqlDataReader reader) => new(
        reader.GetString(0), reader.GetString(1), reader.GetBoolean(2), reader.IsDBNull(3) ? null : reader.GetFieldValue<DateTimeOffset>(3),
        reader.IsDBNull(4) ? null : reader.GetString(4));

    /// <summary>The name of another server where a device is up; null: there is none.</summary>
    public async ValueTask<string?> FindUpElsewhereAsync(string id)
    {
        string? found = null;
        await run(async connection =>
        {
            var batch = new NpgsqlBatch(connection);
            await using var end = batch.ConfigureAwait(false);
            AddPlaceTo(batch);
            batch.BatchCommands.Add(new(elsewhere) { Parameters = { new() { Value = Changes.Utf8.GetBytes(id) }, Server() } });
            found = await batch.ExecuteScalarAsync().ConfigureAwait(false) as string;
            hasPlace = true;
        }).ConfigureAwait(false);
        return found;
    }

    /// <summary>A link has changed its state.</summary>
    public void Set(SessionClaim claim, LinkState state)
    {
        lock (gate)
        {
            waiting[claim.Id] = new(claim, state);
            if (atWork)
                return;
            atWork = true;
        }

        _ = WriteAllAsync();
    }

    /// <summary>This server is alive. What could not be written is tried again.</summary>
    public async Task LiveAsync()
    {
        await run(async connection =>
        {
            var batch = new NpgsqlBatch(connection);
            await using var end = batch.ConfigureAwait(false);
            AddPlaceTo(batch);
            batch.BatchCommands.Add(new(live) { Parameters = { Server(), new() { Value = node } } });
            batch.BatchCommands.Add(new(remove));
            await batch.ExecuteNonQueryAsync().ConfigureAwait(false);
            hasPlace = true;
        }).ConfigureAwait(false);
        lock (gate)
        {
            if (atWork || waiting.Count == 0)
                return;
            atWork = true;
        }

        await WriteAllAsync().ConfigureAwait(false);
    }

    /// <summary>This server has ended: none of its devices is up any more.</summary>
    public Task LeaveAsync() => run(async connection =>
    {
        var command = new NpgsqlCommand(leave, connection) { Parameters = { Server() } };
        await using (command.ConfigureAwait(false))
            await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    });

    /// <summary>Once, before anything is asked or said: twice does no harm.</summary>
    private void AddPlaceTo(NpgsqlBatch batch)
    {
        if (!hasPlace)
            batch.BatchCommands.Add(new(takePlace) { Parameters = { Server(), new() { Value = node } } });
    }

    private async Task WriteAllAsync()
    {
        while (Take() is { Length: > 0 } some)
        {
            try
            {
                await run(connection => WriteAsync(connection, some)).ConfigureAwait(false);
            }
            catch (Exception)
            {
                // Whatever it was: the next sign of life tries again, unless there is something newer by then.
                lock (gate)
                {
                    foreach (var state in some)
                        waiting.TryAdd(state.Claim.Id, state);
                    atWork = false;
                }

                return;
            }
        }
    }

    private State[] Take()
    {
        lock (gate)
        {
            State[] some = [.. waiting.Values.Take(MostAtOnce)];
            foreach (var state in some)
                waiting.Remove(state.Claim.Id);
            atWork = some.Length > 0;
            return some;
        }
    }

    private async Task WriteAsync(NpgsqlConnection connection, State[] some)
    {
        var command = new NpgsqlCommand(write, connection);
        await using var end = command.ConfigureAwait(false);
        command.Parameters.Add(Server());
        command.Parameters.Add(Array(NpgsqlDbType.Bytea, some.Select(one => Changes.Utf8.GetBytes(one.Claim.Id)).ToArray()));
        command.Parameters.Add(Array(NpgsqlDbType.Bigint, some.Select(one => one.Claim.Token).ToArray()));
        command.Parameters.Add(Array(NpgsqlDbType.Boolean, some.Select(one => one.Link.IsUp).ToArray()));
        command.Parameters.Add(Array(NpgsqlDbType.TimestampTz, some.Select(one => one.Link.Since.ToUniversalTime()).ToArray()));
        command.Parameters.Add(Array(NpgsqlDbType.Text, some.Select(one => one.Link.Outage is { } outage ? Protocol.Printable.Message(outage.ToString()) : null).ToArray()));
        await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    private NpgsqlParameter Server() => new() { NpgsqlDbType = NpgsqlDbType.Uuid, Value = server };

    private static NpgsqlParameter Array(NpgsqlDbType of, object value) => new() { NpgsqlDbType = NpgsqlDbType.Array | of, Value = value };

    private readonly record struct State(SessionClaim Claim, LinkState Link);
}
