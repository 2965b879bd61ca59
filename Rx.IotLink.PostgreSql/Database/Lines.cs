using Npgsql;
using NpgsqlTypes;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>Reads lines that wait.</summary>
/// <param name="schema">The schema of the tables.</param>
internal sealed class Lines(string schema)
{
    // One statement, so that the claim and the lines are from the same moment.
    private readonly string read = $"""
        SELECT l.position, l.text, l.expires, l.key FROM {schema}.sessions s JOIN {schema}.lines l USING (session)
        WHERE s.id = $1 AND s.token = $2 AND l.position > $3 ORDER BY l.position LIMIT $4
        """;

    private readonly string readKeys = $"""
        SELECT l.position, l.key, octet_length(l.text) FROM {schema}.sessions s JOIN {schema}.lines l USING (session)
        WHERE s.id = $1 AND s.token = $2 AND l.position > $3 AND l.key IS NOT NULL ORDER BY l.position
        """;

    /// <summary>Reads lines, oldest first.</summary>
    public Task<IReadOnlyList<StoredLine>> ReadAsync(NpgsqlConnection connection, SessionClaim claim, long after, int count, CancellationToken cancellationToken)
    {
        var command = Ask(connection, read, claim);
        command.Parameters.Add(Long(after));
        command.Parameters.Add(Long(count));
        return ReadAllAsync(command, Line, cancellationToken);
    }

    /// <summary>Reads the keys of lines, oldest first.</summary>
    public Task<IReadOnlyList<StoredKey>> ReadKeysAsync(NpgsqlConnection connection, SessionClaim claim, long after, CancellationToken cancellationToken)
    {
        var command = Ask(connection, readKeys, claim);
        command.Parameters.Add(Long(after));
        return ReadAllAsync(command, Key, cancellationToken);
    }

    private static NpgsqlCommand Ask(NpgsqlConnection connection, string sql, SessionClaim claim)
    {
        var command = new NpgsqlCommand(sql, connection);
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Bytea, Value = Changes.Utf8.GetBytes(claim.Id) });
        command.Parameters.Add(Long(claim.Token));
        return command;
    }

    private static NpgsqlParameter Long(long value) => new() { NpgsqlDbType = NpgsqlDbType.Bigint, Value = value };

    private static async Task<IReadOnlyList<T>> ReadAllAsync<T>(NpgsqlCommand command, Func<NpgsqlDataReader, T> one, CancellationToken cancellationToken)
    {
        await using var end = command.ConfigureAwait(false);
        var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var endOfReader = reader.ConfigureAwait(false);
        var all = new List<T>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            all.Add(one(reader));
        return all;
    }

    private static StoredLine Line(NpgsqlDataReader reader) => new(
        reader.GetInt64(0), Text(reader, 1), reader.IsDBNull(2) ? null : DateTimeOffset.UnixEpoch.AddTicks(reader.GetInt64(2)), reader.IsDBNull(3) ? null : Text(reader, 3));

    private static StoredKey Key(NpgsqlDataReader reader) => new(Text(reader, 1), reader.GetInt64(0), reader.GetInt32(2));

    private static string Text(NpgsqlDataReader reader, int column) => Changes.Utf8.GetString(reader.GetFieldValue<byte[]>(column));
}
