using System.Globalization;
using System.Reactive.Concurrency;
using Examples.Cluster;
using Npgsql;
using NpgsqlTypes;
using Rx.IotLink;
using Rx.IotLink.PostgreSql;

// How many lines a second the inbox of a fleet takes and gives, beside plain SQL on the same database in the same run:
// the ratios count, not the figures of a machine. Rounds of both take turns.
var length = TimeSpan.FromSeconds(args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 3);
const int Rounds = 3;
await using var postgres = await Postgres.TryStartAsync(CancellationToken.None)
    ?? throw new InvalidOperationException("PostgreSQL is not on this machine.");
await using var store = await PostgreSqlSessionStore.OpenAsync(new PostgreSqlSessionStoreOptions { ConnectionString = postgres.ConnectionString, Inbox = true });
await using var connection = new NpgsqlConnection(postgres.ConnectionString);
await connection.OpenAsync();
await DoAsync("CREATE TABLE plain (partition smallint, entry bigint GENERATED ALWAYS AS IDENTITY, id bytea, epoch bigint, number bigint, text bytea, PRIMARY KEY (partition, entry)); CREATE TABLE had (text text)");

foreach (var (devices, lines) in new[] { (100, 32), (1_000, 1) })
{
    var claims = new List<SessionClaim>();
    for (var device = 0; device < devices; device++)
        claims.Add((await store.ClaimAsync($"device-{device:0000}")).Claim);
    var place = 0;
    var (plain, kept) = (0.0, 0.0);
    for (var round = 0; round < Rounds; round++)
    {
        plain += await RateAsync(devices * lines, () => InsertAsync(devices * lines));
        kept += await RateAsync(devices * lines, async () =>
        {
            var batch = new List<SessionWrite>();
            foreach (var claim in claims)
            {
                for (var line = 1; line <= lines; line++)
                    batch.Add(new(claim, new(SessionRecordKind.Receive, place + line, (ulong)(place + line), Epoch: 1, Text(line))));
                batch.Add(new(claim, new(SessionRecordKind.Accept, Number: (ulong)(place + lines), Epoch: 1)));
            }

            place += lines;
            await store.WriteAsync(batch);
        });
    }

    Say($"taken, {devices} devices x {lines} lines a commit", kept / Rounds, "INSERT of as many rows a commit", plain / Rounds);
}

var expected = Convert.ToInt64(await AskAsync("SELECT count(*) FROM iotlink.inbox"), CultureInfo.InvariantCulture);
var all = new TaskCompletionSource();
var handled = 0L;
var clock = DefaultScheduler.Instance.StartStopwatch();
await using (store.Fleet.Process("bench", async (line, transaction, ct) =>
{
    await using var insert = new NpgsqlCommand("INSERT INTO had (text) VALUES ($1)", transaction.Connection, transaction) { Parameters = { new() { Value = line.Text } } };
    await insert.ExecuteNonQueryAsync(ct);
    if (Interlocked.Increment(ref handled) == Math.Min(expected, 20_000))
        all.TrySetResult();
}))
{
    await all.Task;
}

var given = handled / clock.Elapsed.TotalSeconds;
var single = await RateAsync(100, async () =>
{
    await using var transaction = await connection.BeginTransactionAsync();
    for (var line = 0; line < 100; line++)
    {
        await using var insert = new NpgsqlCommand("INSERT INTO had (text) VALUES ($1)", connection, transaction) { Parameters = { new() { Value = Text(line) } } };
        await insert.ExecuteNonQueryAsync();
    }

    await transaction.CommitAsync();
});
Say("handled, one INSERT each, 100 a transaction, 4 at a time", given, "the same INSERTs on one connection", single);

static string Text(int line) => $"reading {line:00000} of a sensor, in 40 bytes";

static void Say(string what, double ours, string beside, double plain) =>
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {ours:0} lines/s; {beside}: {plain:0}; ratio {ours / plain:0.00}"));

async Task<double> RateAsync(int lines, Func<Task> work)
{
    await work();
    var watch = DefaultScheduler.Instance.StartStopwatch();
    var done = 0L;
    for (; watch.Elapsed < length; done += lines)
        await work();
    return done / watch.Elapsed.TotalSeconds;
}

async Task InsertAsync(int count)
{
    await using var command = new NpgsqlCommand("INSERT INTO plain (partition, id, epoch, number, text) SELECT * FROM unnest($1::smallint[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[])", connection);
    var range = Enumerable.Range(0, count).ToArray();
    Add(NpgsqlDbType.Smallint, range.Select(n => (short)(n % 64)).ToArray());
    Add(NpgsqlDbType.Bytea, range.Select(n => System.Text.Encoding.UTF8.GetBytes($"device-{n:0000}")).ToArray());
    Add(NpgsqlDbType.Bigint, range.Select(n => 1L).ToArray());
    Add(NpgsqlDbType.Bigint, range.Select(n => (long)n).ToArray());
    Add(NpgsqlDbType.Bytea, range.Select(n => System.Text.Encoding.UTF8.GetBytes(Text(n))).ToArray());
    await command.ExecuteNonQueryAsync();
    void Add(NpgsqlDbType of, object values) => command.Parameters.Add(new() { NpgsqlDbType = NpgsqlDbType.Array | of, Value = values });
}

async Task DoAsync(string sql)
{
    await using var command = new NpgsqlCommand(sql, connection);
    await command.ExecuteNonQueryAsync();
}

async Task<object?> AskAsync(string sql)
{
    await using var command = new NpgsqlCommand(sql, connection);
    return await command.ExecuteScalarAsync();
}
