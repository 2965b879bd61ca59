using System.Globalization;
using System.Net;
using Npgsql;
using NUnit.Framework;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.PostgreSql.Database;
using Rx.IotLink.Testing;
using Rx.IotLink.Testing.Tcp;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores.PostgreSql;

/// <summary>What the store does beyond the contract: claims together, late batches, tables.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class PostgreSqlStoreTests
{
    private PostgresCluster cluster = null!;
    private string database = "";

    [SetUp]
    public async Task StartAsync()
    {
        cluster = await PostgresCluster.Shared;
        database = await cluster.NewDatabaseAsync();
    }

    /// <summary>
    /// The bytes of a batch that failed for its store reach the server after later batches: from a network that held
    /// them, or a process that was stopped.
    /// </summary>
    [Test]
    public async Task A_batch_that_comes_late_changes_nothing()
    {
        await using var proxy = FaultProxy.Start(new(IPAddress.Loopback, cluster.Port));
        await using var store = await PostgreSqlSessionStore.OpenAsync(new PostgreSqlSessionStoreOptions
        {
            ConnectionString = cluster.ConnectionString(database, proxy.EndPoint.Port), Timeout = TimeSpan.FromSeconds(1),
        });
        var claim = (await store.ClaimAsync("pump-1")).Claim;
        await WriteAsync(store, claim, Begin(7), Add(1, "one"), Add(2, "two"), Accept(5));

        Assert.That(proxy.DoToLatest(new TcpFault.Stall(StallDirection.Both)), Is.Not.Null);
        var failed = await Assert.CatchAsync(() => WriteAsync(store, claim, Accept(6), Remove(2)));
        Assert.That((failed as SessionStoreException)?.Fault, Is.EqualTo(SessionStoreFault.Unavailable), $"{failed}");
        await WriteAsync(store, claim, Accept(6), Remove(2), Accept(9), Add(3, "three"), Add(2, "again"));
        proxy.Heal();
        await Bound.EventuallyAsync(() => proxy.Connections == 1, "the late batch has come, and its connection has ended");

        var claimed = await store.ClaimAsync("pump-1");
        Assert.That(claimed.Memory.Accepted, Is.EqualTo(9));
        Assert.That((await store.ReadLinesAsync(claimed.Claim, 0, 10)).Select(line => line.Text), Is.EqualTo(["one", "again", "three"]));
    }

    [Test]
    public async Task Many_claims_at_once_take_few_commits_and_no_more_connections_than_allowed()
    {
        const int Count = 2_000;
        await using var store = await OpenAsync(options => new()
        {
            ConnectionString = options.ConnectionString, MaxConnections = 4, Timeout = TimeSpan.FromSeconds(60),
        });
        var claiming = Task.WhenAll(Enumerable.Range(1, Count).Select(i => store.ClaimAsync(Id(i)).AsTask()));
        var most = 0L;
        while (!claiming.IsCompleted)
            most = Math.Max(most, await NumberAsync("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"));
        var claims = await claiming;

        Assert.That(claims.Select(claimed => claimed.Claim.Id), Is.EqualTo(Enumerable.Range(1, Count).Select(Id)));
        Assert.That(claims.Select(claimed => claimed.Memory), Is.All.EqualTo(SessionMemory.Empty));
        Assert.That(await NumberAsync("SELECT count(DISTINCT xmin::text) FROM iotlink.sessions"), Is.LessThanOrEqualTo(Count / 50), "commits");
        Assert.That(most, Is.LessThanOrEqualTo(4), "connections");
    }

    [Test]
    public async Task Many_questions_at_once_whether_claims_hold_get_their_own_answers()
    {
        const int Count = 2_000;
        await using var store = await OpenAsync();
        var first = await Task.WhenAll(Enumerable.Range(0, Count).Select(n => store.ClaimAsync(Id(n)).AsTask()));
        await Task.WhenAll(first.Where((_, n) => n % 3 == 0).Select(one => store.ClaimAsync(one.Claim.Id).AsTask()));

        var isFencedOut = await Task.WhenAll(first.Select(one => store.IsFencedOutAsync(one.Claim).AsTask()));

        Assert.That(isFencedOut, Is.EqualTo(Enumerable.Range(0, Count).Select(n => n % 3 == 0)));
    }

    [Test]
    public async Task A_row_that_another_transaction_holds_holds_up_its_device_alone()
    {
        await using var store = await OpenAsync(options => new() { ConnectionString = options.ConnectionString, Timeout = TimeSpan.FromSeconds(4) });
        await store.ClaimAsync("held");
        await using (await HoldAsync("held"))
        {
            var held = store.ClaimAsync("held").AsTask();
            var others = Task.WhenAll(Enumerable.Range(1, 100).Select(i => store.ClaimAsync(Id(i)).AsTask()));
            await others.Within();
            var refused = await Assert.CatchAsync(() => held.Within());
            Assert.That((refused as SessionStoreException)?.Fault, Is.EqualTo(SessionStoreFault.InUse), $"{refused}");
            Assert.That(refused!.Message, Does.Contain("has rows that another transaction holds. End that transaction"));
        }

        await store.ClaimAsync("held").Within();
    }

    /// <summary>
    /// Two servers with the same devices, which both claim and write: each waits for the other, never both.
    /// </summary>
    [Test]
    public async Task Servers_that_write_and_claim_the_same_devices_never_wait_for_each_other_in_a_circle()
    {
        await using var one = await OpenAsync();
        await using var two = await OpenAsync();
        var ids = Enumerable.Range(1, 50).Select(Id).ToArray();
        var deadlocks = await NumberAsync("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()");
        await Task.WhenAll(RunAsync(one, ids), RunAsync(two, [.. ids.Reverse()]), RunAsync(one, [.. ids.Reverse()])).Within();
        Assert.That(await NumberAsync("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), Is.EqualTo(deadlocks));

        static async Task RunAsync(PostgreSqlSessionStore store, string[] ids)
        {
            for (var round = 1; round <= 20; round++)
            {
                var claims = await Task.WhenAll(ids.Select(id => store.ClaimAsync(id).AsTask()));
                _ = await store.WriteAsync([.. claims.Select(claimed => new SessionWrite(claimed.Claim, Add(round, "x")))]);
            }
        }
    }

    [Test]
    public async Task Tables_are_made_once_by_however_many_that_open_at_the_same_time()
    {
        var stores = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => OpenAsync()))).Within();
        Assert.That(await NumberAsync("SELECT version FROM iotlink.store"), Is.EqualTo(Schema.Version));
        foreach (var store in stores)
        {
            await store.ClaimAsync("pump-1");
            await store.DisposeAsync();
        }
    }

    [Test]
    public async Task Tables_of_version_1_are_brought_up_to_date_with_what_they_hold()
    {
        await PsqlAsync(Rx.IotLink.PostgreSql.Database.Schema.Script("iotlink", to: 1));
        await cluster.SqlAsync("INSERT INTO iotlink.sessions (id, token, node) VALUES ('pump-1', 1, 'old'); INSERT INTO iotlink.lines (session, position, text) VALUES (1, 1, 'kept')", database);
        Assert.That(await NumberAsync("SELECT version FROM iotlink.store"), Is.EqualTo(1));
        await using var store = await OpenAsync();
        Assert.That(await NumberAsync("SELECT version FROM iotlink.store"), Is.EqualTo(Schema.Version));
        var claimed = await store.ClaimAsync("pump-1");
        Assert.That((await store.ReadLinesAsync(claimed.Claim, 0, 10)).Single().Text, Is.EqualTo("kept"));
        await store.Fleet.WriteAsync("pump-1", "new");
    }

    [Test]
    public async Task The_SQL_that_is_printed_makes_the_tables_for_a_role_that_may_not()
    {
        var role = $"role_{Guid.NewGuid():N}";
        await cluster.SqlAsync($"CREATE ROLE {role} LOGIN PASSWORD 'secret-of-role'", database);
        var poor = new PostgreSqlSessionStoreOptions { ConnectionString = cluster.ConnectionString(database, more: $"Username={role};Password=secret-of-role"), Schema = "fleet" };
        var refused = await Assert.CatchAsync(async () => await PostgreSqlSessionStore.OpenAsync(poor));
        Assert.That((refused as SessionStoreException)?.Fault, Is.EqualTo(SessionStoreFault.ReadOnly), $"{refused}");
        Assert.That(refused!.Message, Does.Contain($"the role '{role}' may not make them. Run the SQL of 'iotlink postgres-sql'").And.Not.Contain("secret"));

        await PsqlAsync(PostgreSqlSessionStore.SchemaSql("fleet"));
        var without = await Assert.CatchAsync(async () => await (await PostgreSqlSessionStore.OpenAsync(poor)).ClaimAsync("pump-1"));
        Assert.That((without as SessionStoreException)?.Message, Does.Contain($"may not be used by the role '{role}'"));
        await PsqlAsync($"GRANT USAGE ON SCHEMA fleet TO {role}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA fleet TO {role};");
        await using var store = await PostgreSqlSessionStore.OpenAsync(poor);
        var claim = (await store.ClaimAsync("pump-1")).Claim;
        await WriteAsync(store, claim, Begin(1), Add(1, "one"), Accept(1));

        await PsqlAsync(PostgreSqlSessionStore.SchemaSql("fleet"));
        Assert.That((await store.ReadLinesAsync(claim, 0, 10)).Single().Text, Is.EqualTo("one"), "a second time it changes nothing");
    }

    [Test]
    public async Task Tables_that_are_newer_missing_or_of_something_else_are_refused_and_left_as_they_are()
    {
        await Refused(SessionStoreFault.ReadOnly, $"does not have the tables of version {Schema.Version}, and they may not be made here", migrate: false);
        await cluster.SqlAsync("CREATE SCHEMA iotlink; CREATE TABLE iotlink.sessions (mine text)", database);
        await Refused(SessionStoreFault.Damaged, "is a schema that holds something else. It is left as it is.");
        await cluster.SqlAsync("CREATE TABLE iotlink.store (version integer)", database);
        await Refused(SessionStoreFault.Damaged, "is a schema that holds something else. It is left as it is.");
        Assert.That(await NumberAsync("SELECT count(*) FROM pg_tables WHERE schemaname = 'iotlink'"), Is.EqualTo(2));

        await cluster.SqlAsync("DROP SCHEMA iotlink CASCADE", database);
        await using (await OpenAsync())
            await cluster.SqlAsync("UPDATE iotlink.store SET version = 99", database);
        await Refused(SessionStoreFault.NewerVersion, $"has version 99 of the tables, and this library knows up to {Schema.Version}");
        Assert.That(await NumberAsync("SELECT version FROM iotlink.store"), Is.EqualTo(99));

        async Task Refused(SessionStoreFault fault, string says, bool migrate = true)
        {
            var refused = await Assert.CatchAsync(() => OpenAsync(options => new() { ConnectionString = options.ConnectionString, Migrate = migrate }));
            Assert.That((refused as SessionStoreException)?.Fault, Is.EqualTo(fault), $"{refused}");
            Assert.That(refused!.Message, Does.Contain(says).And.StartWith($"The session store 'iotlink' of the database '{database}' at 127.0.0.1:{cluster.Port} "));
        }
    }

    [Test]
    public async Task A_commit_waits_for_the_disk_whatever_the_database_sets()
    {
        await cluster.SqlAsync($"ALTER DATABASE {database} SET synchronous_commit = off; ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'");
        await using var store = await OpenAsync();
        Assert.That(await store.SettingAsync("synchronous_commit"), Is.EqualTo("on"));
        Assert.That(await store.SettingAsync("default_transaction_isolation"), Is.EqualTo("read committed"));
        await cluster.SqlAsync($"ALTER DATABASE {database} SET synchronous_commit = remote_apply");
        await using var other = await OpenAsync();
        Assert.That(await other.SettingAsync("synchronous_commit"), Is.EqualTo("remote_apply"), "more than is needed stays");
    }

    private static string Id(int i) => string.Create(CultureInfo.InvariantCulture, $"pump-{i}");

    private static SessionRecord Begin(ulong epoch) => new(SessionRecordKind.Begin, Epoch: epoch);

    private static SessionRecord Add(long position, string text) => new(SessionRecordKind.Add, position, Text: text);

    private static SessionRecord Remove(long position) => new(SessionRecordKind.Remove, position);

    private static SessionRecord Accept(ulong number) => new(SessionRecordKind.Accept, Number: number, Epoch: 3);

    private static async Task WriteAsync(PostgreSqlSessionStore store, SessionClaim claim, params SessionRecord[] records) =>
        Assert.That(await store.WriteAsync([.. records.Select(record => new SessionWrite(claim, record))]), Is.Empty);

    private Task<PostgreSqlSessionStore> OpenAsync(Func<PostgreSqlSessionStoreOptions, PostgreSqlSessionStoreOptions>? change = null)
    {
        var options = new PostgreSqlSessionStoreOptions { ConnectionString = cluster.ConnectionString(database) };
        return PostgreSqlSessionStore.OpenAsync(change?.Invoke(options) ?? options);
    }

    private async Task<long> NumberAsync(string sql) => Convert.ToInt64(await cluster.SqlAsync(sql, database), CultureInfo.InvariantCulture);

    /// <summary>Another transaction holds the row of an id until this is disposed.</summary>
    private async Task<NpgsqlConnection> HoldAsync(string id)
    {
        var connection = new NpgsqlConnection(cluster.ConnectionString(database, more: "Pooling=False"));
        await connection.OpenAsync();
        await using var hold = connection.CreateCommand();
        hold.CommandText = $"BEGIN; SELECT 1 FROM iotlink.sessions WHERE id = '{id}' FOR UPDATE";
        await hold.ExecuteNonQueryAsync();
        return connection;
    }

    /// <summary>As an administrator would.</summary>
    private async Task PsqlAsync(string sql)
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, sql);
        await PostgresProgram.RunAsync(
            "env", $"PGPASSWORD={PostgresCluster.Password}", Path.Combine(PostgresProgram.Folder, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1",
            "-h", "127.0.0.1", "-p", $"{cluster.Port}", "-U", "iotlink", "-d", database, "-f", file);
        File.Delete(file);
    }
}
