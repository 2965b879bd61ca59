using Npgsql;
using NpgsqlTypes;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>Whether later claims have fenced out earlier ones, for many in one statement.</summary>
/// <param name="schema">The schema of the tables.</param>
/// <param name="run">Runs work on a connection, and makes the exception of a failure.</param>
internal sealed class Ownership(string schema, Claimant.Run run) : Gathering<SessionClaim, bool>(MostAtOnce, isEachOnce: false)
{
    private const int MostAtOnce = 1_000;

    // A claim of before a failover counts no more: a later one may have been lost with the last commits.
    private readonly string owned = $"""
        WITH {History.Here} SELECT g.place FROM unnest($1::bytea[], $2::bigint[]) WITH ORDINALITY AS g(id, token, place)
        JOIN {schema}.sessions s ON s.id = g.id AND s.token = g.token CROSS JOIN here h WHERE {History.IsSame}
        """;

    /// <summary>Whether no later claim has fenced this one out.</summary>
    public Task<bool> IsOwnedAsync(SessionClaim claim) => AskAsync(claim);

    protected override Task AnswerAsync(IReadOnlyList<Asked<SessionClaim, bool>> some) => run(connection => AnswerAsync(connection, some));

    private async Task AnswerAsync(NpgsqlConnection connection, IReadOnlyList<Asked<SessionClaim, bool>> some)
    {
        var command = new NpgsqlCommand(owned, connection);
        await using var end = command.ConfigureAwait(false);
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea, Value = some.Select(one => Changes.Utf8.GetBytes(one.Question.Id)).ToArray() });
        command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint, Value = some.Select(one => one.Question.Token).ToArray() });
        var isOwned = new bool[some.Count];
        var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.ReadAsync().ConfigureAwait(false))
                isOwned[reader.GetInt64(0) - 1] = true;
        }

        for (var n = 0; n < some.Count; n++)
            some[n].Result.TrySetResult(isOwned[n]);
    }
}
