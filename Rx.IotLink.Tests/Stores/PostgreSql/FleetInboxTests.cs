using System.Globalization;
using System.Reactive.Linq;
using System.Runtime.CompilerServices;
using Npgsql;
using NUnit.Framework;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.PostgreSql.Database;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores.PostgreSql;

/// <summary>Lines of devices, from the commit that accepts them to consumers in any process.</summary>
internal sealed class FleetInboxTests : ServerTest
{
    private static readonly FleetConsumerOptions Quick = new()
    {
        Poll = TimeSpan.FromMilliseconds(10), Lease = TimeSpan.FromSeconds(1), MaxConcurrent = 2,
        BackOff = new() { Initial = TimeSpan.FromMilliseconds(20), Cap = TimeSpan.FromMilliseconds(100) },
    };

    private PostgresCluster cluster = null!;
    private string database = "";

    [SetUp]
    public async Task StartAsync()
    {
        cluster = await PostgresCluster.Shared;
        database = await cluster.NewDatabaseAsync();
        await cluster.SqlAsync("CREATE TABLE had (place bigserial, id text, text text, by text)", database);
    }

    /// <summary>Whoever had a line, and however often the device moved: one commit has accepted it.</summary>
    [Test]
    public async Task A_device_that_moves_between_servers_has_each_line_in_the_inbox_once_and_in_order()
    {
        const int Lines = 300;
        var servers = new[] { await StartServerAsync("one"), await StartServerAsync("two") };
        await using var proxy = new MovingProxy(servers[0].Server.EndPoint.Port);
        var device = StartClient(ClientOptions(proxy.EndPoint, "pump-1") with { OutboxLines = Lines });
        var random = new Random(1);
        var at = 0;
        for (var n = 0; n < Lines; n++)
        {
            device.Writer.OnNext(Text(n));
            if (n % 10 != 9)
                continue;
            var rows = random.Next(n);
            await Bound.EventuallyAsync(() => device.Counters.LinesAcknowledged >= rows);
            proxy.MoveTo(servers[++at % 2].Server.EndPoint.Port);
        }

        await device.DrainAsync().Within();
        Assert.That(await TextAsync("SELECT string_agg(convert_from(text, 'UTF8'), ' ' ORDER BY entry) FROM iotlink.inbox"), Is.EqualTo(string.Join(' ', Enumerable.Range(0, Lines))));
        Assert.That(await NumberAsync("SELECT count(DISTINCT (epoch, number)) FROM iotlink.inbox"), Is.EqualTo(Lines));
    }

    [Test]
    public async Task A_batch_that_is_written_again_adds_no_line_twice()
    {
        await using var store = await OpenAsync("one", inboxFor: null);
        var claim = (await store.ClaimAsync("pump-1")).Claim;
        SessionWrite Line(long place) => new(claim, new(SessionRecordKind.Receive, place, (ulong)place, Epoch: 7, Text(place)));
        Assert.That(await store.WriteAsync([Line(1), Line(2), new(claim, new(SessionRecordKind.Accept, Number: 2, Epoch: 7))]), Is.Empty);
        Assert.That(await store.WriteAsync([Line(1), Line(2), new(claim, new(SessionRecordKind.Begin, Epoch: 8)), Line(3)]), Is.Empty);
        Assert.That(await store.WriteAsync([Line(2), Line(3)]), Is.Empty);
        var later = (await store.ClaimAsync("pump-1")).Claim;
        Assert.That(await store.WriteAsync([Line(4)]), Is.EqualTo([claim]), "it is fenced out");
        await store.WriteAsync([new(later, new(SessionRecordKind.Receive, 1, 4, Epoch: 7, "4"))]);
        Assert.That(await TextAsync("SELECT string_agg(convert_from(text, 'UTF8'), ' ' ORDER BY entry) FROM iotlink.inbox"), Is.EqualTo("1 2 3 4"));
    }

    /// <summary>A sequence gives out entries in another order than that of the commits.</summary>
    [Test]
    public async Task A_line_that_is_committed_behind_a_later_one_is_not_passed_over()
    {
        var (one, store) = await StartServerAsync("one");
        await using var connection = new NpgsqlConnection(cluster.ConnectionString(database, more: "Pooling=False"));
        await connection.OpenAsync();
        await using var slow = await connection.BeginTransactionAsync();
        await ExecuteAsync(connection, FleetInbox.Announce("iotlink"));
        await ExecuteAsync(connection, "INSERT INTO iotlink.inbox (partition, id, epoch, number, text) VALUES (0, 'pump-0', 1, 1, 'slow')");
        var heard = new List<string>();
        using var hearing = store.Fleet.Lines("dashboard", Quick).Select(line => line.Text).Subscribe(heard.Add);
        await StartClient(one, "pump-1").WriteAsync("quick").Within();
        await UntilAsync("SELECT count(*) FROM iotlink.cursors WHERE member IS NOT NULL", FleetInbox.Partitions);
        await UntilAsync("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()", 1);
        Assert.That(heard, Is.Empty, "what comes before it may still appear");
        await slow.CommitAsync();
        await Bound.EventuallyAsync(() => heard.Count == 2);
        Assert.That(heard, Is.EquivalentTo(["slow", "quick"]));
    }

    /// <summary>The connections of one are ended again and again, in the middle of its transactions.</summary>
    [Test]
    public async Task Processes_share_a_consumer_and_each_line_counts_once_though_connections_are_lost()
    {
        const int Devices = 8;
        const int Lines = 100;
        var (one, store) = await StartServerAsync("one");
        var devices = Enumerable.Range(0, Devices).Select(d => StartClient(one, $"pump-{Text(d)}")).ToArray();
        await using var a = store.Fleet.Process("billing", Insert("a"), Quick with { BatchLines = 10 });
        await using var b = store.Fleet.Process("billing", Insert("b"), Quick with { BatchLines = 10 });
        await UntilAsync("SELECT count(DISTINCT member) FROM iotlink.cursors WHERE member IS NOT NULL", 2);
        for (var round = 0; round < 5; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, Lines / 5).SelectMany(n => devices.Select(device => device.WriteAsync(Text(n + (round * Lines / 5)))))).Within();
            await cluster.SqlAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'iotlink %-%-%'", database);
        }

        await UntilAsync("SELECT count(*) FROM had", Devices * Lines);
        for (var d = 0; d < Devices; d++)
            Assert.That(await HadAsync($"pump-{Text(d)}"), Is.EqualTo(string.Join(' ', Enumerable.Range(0, Lines))));
        Assert.That(await NumberAsync("SELECT count(DISTINCT by) FROM had"), Is.EqualTo(2), "both have worked");
    }

    [Test]
    public async Task Each_consumer_gets_all_lines_and_what_all_have_had_is_deleted()
    {
        var (one, store) = await StartServerAsync("one", inboxFor: TimeSpan.Zero);
        var device = StartClient(one, "pump-1");
        var heard = new List<string>();
        using var a = store.Fleet.Lines("a", Quick).Subscribe(line => heard.Add(line.Text));
        await UntilAsync("SELECT count(*) FROM iotlink.cursors", FleetInbox.Partitions);
        var b = store.Fleet.Lines("b", Quick).Subscribe();
        await UntilAsync("SELECT count(*) FROM iotlink.cursors", 2 * FleetInbox.Partitions);
        b.Dispose();
        await UntilAsync("SELECT count(*) FROM iotlink.members", 1);
        await device.WriteAsync("one").Within();
        await device.WriteAsync("two").Within();
        await Bound.EventuallyAsync(() => heard.Count == 2);
        await new InboxRoom("iotlink", TimeSpan.Zero, RunAsync).MakeAsync();
        Assert.That(await NumberAsync("SELECT count(*) FROM iotlink.inbox"), Is.EqualTo(2), "b has not had them");
        await store.Fleet.ForgetConsumerAsync("b");
        await UntilAsync("SELECT count(*) FROM iotlink.inbox", 0);
        using var c = store.Fleet.Lines("c", Quick with { FromNow = true }).Subscribe(line => heard.Add("c " + line.Text));
        await UntilAsync("SELECT count(*) FROM iotlink.cursors WHERE consumer = 'c' AND entry > 0", FleetInbox.Partitions);
        await device.WriteAsync("three").Within();
        await Bound.EventuallyAsync(() => heard.Contains("c three") && heard.Contains("three"));
        Assert.That(heard, Has.Count.EqualTo(4));
    }

    [Test]
    public async Task The_whole_fleet_says_who_is_where_and_a_server_learns_at_rest_that_it_has_lost_a_device()
    {
        var (one, store) = await StartServerAsync("one");
        var (two, _) = await StartServerAsync("two");
        await using var proxy = new MovingProxy(one.EndPoint.Port);
        var device = StartClient(ClientOptions(proxy.EndPoint, "pump-1"));
        await DeviceAsync(d => d is { Node: "one", IsUp: true });
        await device.WriteAsync("here").Within();
        proxy.MoveTo(two.EndPoint.Port);
        var up = await DeviceAsync(d => d is { Node: "two", IsUp: true });
        await Bound.EventuallyAsync(() => one.Find("pump-1") is null);
        proxy.MoveTo(0);
        var down = await DeviceAsync(d => d is { Node: "two", IsUp: false });
        Assert.That(down.LastOutage, Is.Not.Null);
        Assert.That(down.Since, Is.GreaterThan(up.Since!.Value));
        Assert.That(await store.Fleet.GetDeviceAsync("nobody"), Is.Null);
        Assert.That(await store.Fleet.GetDevicesAsync(), Is.EqualTo([down]));

        async Task<FleetDevice> DeviceAsync(Func<FleetDevice, bool> holds, [CallerArgumentExpression(nameof(holds))] string what = "") =>
            (await Observable.Interval(TimeSpan.FromMilliseconds(20))
                .Select(_ => Observable.FromAsync(() => store.Fleet.GetDeviceAsync("pump-1"))).Concat().FirstAsync(d => d is not null && holds(d), what))!;
    }

    private static Func<FleetLine, NpgsqlTransaction, CancellationToken, Task> Insert(string by) => async (line, transaction, ct) =>
    {
        await using var command = new NpgsqlCommand("INSERT INTO had (id, text, by) VALUES ($1, $2, $3)", transaction.Connection, transaction)
        {
            Parameters = { new() { Value = line.DeviceId }, new() { Value = line.Text }, new() { Value = by } },
        };
        await command.ExecuteNonQueryAsync(ct);
    };

    private static string Text(long n) => n.ToString(CultureInfo.InvariantCulture);

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private async Task RunAsync(Func<NpgsqlConnection, Task> work)
    {
        await using var connection = new NpgsqlConnection(cluster.ConnectionString(database, more: "Pooling=False"));
        await connection.OpenAsync();
        await work(connection);
    }

    private Task<string> HadAsync(string id) => TextAsync($"SELECT string_agg(text, ' ' ORDER BY place) FROM had WHERE id = '{id}'");

    private async Task<string> TextAsync(string sql) => await cluster.SqlAsync(sql, database) as string ?? "";

    private async Task<long> NumberAsync(string sql) => Convert.ToInt64(await cluster.SqlAsync(sql, database) ?? 0, CultureInfo.InvariantCulture);

    /// <summary>Waits until a query gives this number, or a greater one.</summary>
    private async Task UntilAsync(string sql, long expected) => await Observable.Interval(TimeSpan.FromMilliseconds(20))
        .Select(_ => Observable.FromAsync(() => NumberAsync(sql))).Concat()
        .FirstAsync(number => expected == 0 ? number == 0 : number >= expected, $"{sql} gives {expected}");

    private Task<PostgreSqlSessionStore> OpenAsync(string node, TimeSpan? inboxFor) => PostgreSqlSessionStore.OpenAsync(new PostgreSqlSessionStoreOptions
    {
        ConnectionString = cluster.ConnectionString(database), Node = node, MaxConnections = 4, Inbox = true, InboxFor = inboxFor ?? TimeSpan.FromDays(1),
    });

    private async Task<(IotLinkServer Server, PostgreSqlSessionStore Store)> StartServerAsync(string node, TimeSpan? inboxFor = null)
    {
        var store = Own(await OpenAsync(node, inboxFor));
        return (await StartServerAsync(ServerOptions with { SessionStore = store, PinAddresses = false }), store);
    }
}
