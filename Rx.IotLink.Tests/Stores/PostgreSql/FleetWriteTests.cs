using System.Globalization;
using System.Reactive.Linq;
using Npgsql;
using NUnit.Framework;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores.PostgreSql;

/// <summary>Lines that are written in one process for a device that is at another one.</summary>
internal sealed class FleetWriteTests : ServerTest
{
    private const string Listeners = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";

    private PostgresCluster cluster = null!;
    private string database = "";

    [SetUp]
    public async Task StartAsync()
    {
        cluster = await PostgresCluster.Shared;
        database = await cluster.NewDatabaseAsync();
    }

    [Test]
    public async Task A_line_reaches_its_device_from_any_process_once_and_in_order()
    {
        const int Lines = 500;
        var (one, _) = await StartServerAsync("one");
        var (_, storeOfTwo) = await StartServerAsync("two");
        await using var without = await OpenAsync("no server");
        var device = StartClient(one, "pump-1");
        var heard = Hear(device);
        await one.WaitForAsync("pump-1").Within();
        for (var n = 0; n < Lines; n++)
            await (n % 2 == 0 ? storeOfTwo : without).Fleet.WriteAsync("pump-1", Text(n)).Within();

        await Bound.EventuallyAsync(() => heard.Count >= Lines);
        await (await one.WaitForAsync("pump-1")).DrainAsync().Within();
        Assert.That(heard, Is.EqualTo(Enumerable.Range(0, Lines).Select(Text)));
        Assert.That(await NumberAsync("SELECT count(*) FROM iotlink.outbox"), Is.Zero);
        Assert.That(await NumberAsync("SELECT count(*) FROM iotlink.lines"), Is.Zero);
    }

    [Test]
    public async Task Lines_of_several_writers_reach_a_device_that_moves_between_servers()
    {
        const int Writers = 3;
        const int Lines = 200;
        var servers = new[] { (await StartServerAsync("one")).Server, (await StartServerAsync("two")).Server };
        await using var writer = await OpenAsync("no server");
        await using var proxy = new MovingProxy(servers[0].EndPoint.Port);
        var device = StartClient(ClientOptions(proxy.EndPoint, "pump-1"));
        var heard = Hear(device);
        var writing = Task.WhenAll(Enumerable.Range(0, Writers).Select(async of =>
        {
            for (var n = 0; n < Lines; n++)
                await writer.Fleet.WriteAsync("pump-1", $"{Text(of)}:{Text(n)}");
        }));
        for (var move = 1; move <= 12; move++)
        {
            var least = heard.Count + 10;
            await Bound.EventuallyAsync(() => heard.Count >= Math.Min(least, Writers * Lines), $"move {move}");
            proxy.MoveTo(servers[move % 2].EndPoint.Port);
        }

        await writing.Within();
        await Bound.EventuallyAsync(() => heard.Count >= Writers * Lines);
        for (var of = 0; of < Writers; of++)
        {
            var prefix = Text(of) + ":";
            Assert.That(heard.Where(line => line.StartsWith(prefix, StringComparison.Ordinal)), Is.EqualTo(Enumerable.Range(0, Lines).Select(n => prefix + Text(n))));
        }

        Assert.That(heard, Has.Count.EqualTo(Writers * Lines));
    }

    /// <summary>The server that took the line is gone before the device accepts it.</summary>
    [Test]
    public async Task A_writer_elsewhere_is_told_of_the_acceptance_though_the_server_that_took_the_line_is_gone()
    {
        var (one, storeOfOne) = await StartServerAsync("one");
        var (two, _) = await StartServerAsync("two");
        await using var writer = await OpenAsync("no server");
        await using var proxy = new MovingProxy(one.EndPoint.Port);
        var device = StartClient(ClientOptions(proxy.EndPoint, "pump-1"));
        var held = new List<ReceivedLine>();
        Own(device.Received.Synchronize(held).Subscribe(held.Add));
        await one.WaitForAsync("pump-1").Within();
        var writing = Enumerable.Range(0, 50).Select(n => writer.Fleet.WriteAsync("pump-1", Text(n), new WriteOptions())).ToArray();
        await Bound.EventuallyAsync(() => held.Count == 50);
        Assert.That(writing.Select(write => write.IsCompleted), Has.None.True);
        Assert.That(await NumberAsync("SELECT count(*) FROM iotlink.lines WHERE writer IS NOT NULL"), Is.EqualTo(50));
        proxy.MoveTo(two.EndPoint.Port);
        await one.DisposeAsync();
        await storeOfOne.DisposeAsync();
        await two.WaitForAsync("pump-1").Within();
        held.ForEach(line => line.Accept());
        await Task.WhenAll(writing).Within();
        await UntilAsync("SELECT count(*) FROM iotlink.reports", 0);
        Assert.That(held, Has.Count.EqualTo(50), "none came twice");
    }

    /// <summary>
    /// The next server cannot know whether the first one has sent the line. It keeps its number, which the device
    /// acknowledges: that is no acceptance of the line.
    /// </summary>
    [Test]
    public async Task A_writer_is_not_told_of_an_acceptance_if_only_the_number_of_its_line_was_acknowledged()
    {
        var (one, storeOfOne) = await StartServerAsync("one");
        await using var writer = await OpenAsync("no server");
        var first = StartClient(one, "pump-1");
        var link = await one.WaitForAsync("pump-1").Within();
        await first.DisposeAsync();
        await link.State.FirstAsync(state => !state.IsUp, "down").Within();
        var brief = writer.Fleet.WriteAsync("pump-1", "too late", new WriteOptions { TimeToLive = TimeSpan.FromSeconds(2) });
        var other = writer.Fleet.WriteAsync("pump-1", "in time", new WriteOptions());
        await UntilAsync("SELECT count(*) FROM iotlink.lines WHERE writer IS NOT NULL", 2);
        await one.DisposeAsync();
        await storeOfOne.DisposeAsync();
        await UntilAsync("SELECT count(*) FROM iotlink.lines WHERE expires < extract(epoch FROM clock_timestamp()) * 10000000", 1);
        var (two, _) = await StartServerAsync("two");
        var heard = Hear(StartClient(two, "pump-1"));
        await other.Within();
        Assert.That(() => brief.Within(), Throws.InstanceOf<LineExpiredException>());
        Assert.That(heard, Is.EqualTo(["in time"]));
    }

    [Test]
    public async Task A_line_of_a_transaction_is_sent_if_and_when_that_is_committed()
    {
        var (one, store) = await StartServerAsync("one");
        var device = StartClient(one, "pump-1");
        var heard = Hear(device);
        await one.WaitForAsync("pump-1").Within();
        await using var connection = new NpgsqlConnection(cluster.ConnectionString(database));
        await connection.OpenAsync();
        await using (var given = await connection.BeginTransactionAsync())
        {
            await store.Fleet.EnqueueAsync(given, "pump-1", "never");
            await given.RollbackAsync();
        }

        await using (var given = await connection.BeginTransactionAsync())
        {
            await store.Fleet.EnqueueAsync(given, "pump-1", "decided");
            await using var decision = new NpgsqlCommand("CREATE TABLE decisions AS SELECT 'decided'", connection, given);
            await decision.ExecuteNonQueryAsync();
            await store.Fleet.WriteAsync("pump-1", "meanwhile");
            await Bound.EventuallyAsync(() => heard.Count == 1);
            await given.CommitAsync();
        }

        await Bound.EventuallyAsync(() => heard.Count == 2);
        Assert.That(heard, Is.EqualTo(["meanwhile", "decided"]));
    }

    [Test]
    public async Task A_notice_that_is_lost_is_made_good_by_the_sweep()
    {
        var (one, _) = await StartServerAsync("one");
        var device = StartClient(one, "pump-1");
        var heard = Hear(device);
        await one.WaitForAsync("pump-1").Within();
        await UntilAsync(Listeners, 1);
        // A writer that says nothing stands for one whose notice nobody heard.
        await cluster.SqlAsync("INSERT INTO iotlink.outbox (id, text) VALUES ('pump-1', 'unheard')", database);
        await Bound.EventuallyAsync(() => heard.Count == 1);
        await cluster.SqlAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'", database);
        await UntilAsync(Listeners + " AND backend_start > (SELECT max(claimed) FROM iotlink.sessions)", 1);
        Assert.That(heard, Is.EqualTo(["unheard"]));
    }

    [Test]
    public async Task A_line_that_the_link_refuses_stays_with_the_reason_and_holds_up_nobody()
    {
        var (one, store) = await StartServerAsync("one");
        var device = StartClient(one, "pump-1");
        var heard = Hear(device);
        await store.Fleet.WriteAsync("pump-1", new string('x', 1 << 20));
        await store.Fleet.WriteAsync("pump-1", "short");
        await Bound.EventuallyAsync(() => heard.Count == 1);
        Assert.That(heard, Is.EqualTo(["short"]));
        await UntilAsync("SELECT count(*) FROM iotlink.outbox WHERE refused IS NOT NULL", 1);
        Assert.That(await cluster.SqlAsync("SELECT refused FROM iotlink.outbox", database), Does.Contain("MaxLineBytes"));
        Assert.That(() => store.Fleet.WriteAsync("pump-1", "a\nb"), Throws.ArgumentException);
        Assert.That(() => store.Fleet.WriteAsync("", "a"), Throws.ArgumentException);
    }

    [Test]
    public async Task A_row_of_another_program_that_is_no_text_is_refused_and_holds_up_nobody()
    {
        var (one, store) = await StartServerAsync("one");
        await cluster.SqlAsync("INSERT INTO iotlink.outbox (id, text) VALUES (convert_to('pump-1', 'UTF8'), '\\xff')", database);
        var (heard, heardOfOther) = (Hear(StartClient(one, "pump-1")), Hear(StartClient(one, "pump-2")));
        await store.Fleet.WriteAsync("pump-1", "good");
        await store.Fleet.WriteAsync("pump-2", "of another one");

        await Bound.EventuallyAsync(() => heard.Count == 1 && heardOfOther.Count == 1);
        Assert.That(await cluster.SqlAsync("SELECT refused FROM iotlink.outbox", database), Does.Contain("UTF-8"));
    }

    [Test]
    public async Task Lines_arrive_once_and_in_order_though_the_database_is_killed()
    {
        await using var own = await PostgresCluster.StartAsync();
        (cluster, database) = (own, "postgres");
        var (one, store) = await StartServerAsync("one");
        var device = StartClient(one, "pump-1");
        var heard = Hear(device);
        await one.WaitForAsync("pump-1").Within();
        var written = 0;
        for (var kill = 0; kill < 3; kill++)
        {
            for (var n = 0; n < 50; n++)
                await store.Fleet.WriteAsync("pump-1", Text(written++)).Within();
            await own.KillAsync();
            var failed = await Assert.CatchAsync(() => store.Fleet.WriteAsync("pump-1", "not kept").Within());
            Assert.That((failed as SessionStoreException)?.Fault, Is.EqualTo(SessionStoreFault.Unavailable), $"{failed}");
            await own.RunAsync();
        }

        await Bound.EventuallyAsync(() => heard.Count >= written);
        await (await one.WaitForAsync("pump-1")).DrainAsync().Within();
        Assert.That(heard, Is.EqualTo(Enumerable.Range(0, written).Select(Text)));
        await one.DisposeAsync();
        await store.DisposeAsync();
    }

    private static string Text(int n) => n.ToString(CultureInfo.InvariantCulture);

    private List<string> Hear(IotLinkClient device)
    {
        var heard = new List<string>();
        Own(device.Lines.Subscribe(heard.Add));
        return heard;
    }

    private async Task<long> NumberAsync(string sql) => Convert.ToInt64(await cluster.SqlAsync(sql, database), CultureInfo.InvariantCulture);

    /// <summary>Waits until a query gives this number.</summary>
    private async Task UntilAsync(string sql, long expected) => await Observable.Interval(TimeSpan.FromMilliseconds(20))
        .Select(_ => Observable.FromAsync(() => NumberAsync(sql))).Concat().FirstAsync(number => number == expected, $"{sql} gives {expected}");

    private Task<PostgreSqlSessionStore> OpenAsync(string node) => PostgreSqlSessionStore.OpenAsync(new PostgreSqlSessionStoreOptions
    {
        ConnectionString = cluster.ConnectionString(database), Node = node, MaxConnections = 4,
    });

    private async Task<(IotLinkServer Server, PostgreSqlSessionStore Store)> StartServerAsync(string node)
    {
        var store = Own(await OpenAsync(node));
        return (await StartServerAsync(ServerOptions with { SessionStore = store }), store);
    }
}
