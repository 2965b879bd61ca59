using System.Globalization;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores.PostgreSql;

/// <summary>Servers that share one database, and devices that move between them.</summary>
internal sealed class FleetTests : ServerTest
{
    private static readonly WriteOptions Stored = new() { Until = WrittenUntil.Stored };

    private readonly Dictionary<IotLinkServer, PostgreSqlSessionStore> stores = [];
    private PostgresCluster cluster = null!;
    private string database = "";

    [SetUp]
    public async Task StartAsync()
    {
        cluster = await PostgresCluster.Shared;
        database = await cluster.NewDatabaseAsync();
    }

    /// <summary>The former server heard nothing of the move, and has an old memory of the device.</summary>
    [Test]
    public async Task A_device_that_comes_back_to_a_former_server_finds_its_memory_as_the_other_one_left_it()
    {
        var (one, linesOfOne) = await StartServerAsync("one");
        var (two, linesOfTwo) = await StartServerAsync("two");
        await using var proxy = new MovingProxy(one.EndPoint.Port);
        var device = StartClient(ClientOptions(proxy.EndPoint, "pump-1"));
        var notices = new List<LinkNotice>();
        device.Notices.Subscribe(notices.Add);
        var heard = new List<string>();
        using var hearing = device.Lines.Synchronize(heard).Subscribe(heard.Add);

        for (var round = 0; round < 4; round++)
        {
            var (server, lines) = round % 2 == 0 ? (one, linesOfOne) : (two, linesOfTwo);
            proxy.MoveTo(server.EndPoint.Port);
            await device.WriteAsync($"up {round}a").Within();
            await device.WriteAsync($"up {round}b").Within();
            Assert.That(lines, Does.Contain($"up {round}b"));
            await (await server.WaitForAsync("pump-1").Within()).WriteAsync($"down {round}").Within();
        }

        Assert.That(linesOfOne, Is.EqualTo(["up 0a", "up 0b", "up 2a", "up 2b"]));
        Assert.That(linesOfTwo, Is.EqualTo(["up 1a", "up 1b", "up 3a", "up 3b"]));
        Assert.That(heard, Is.EqualTo(["down 0", "down 1", "down 2", "down 3"]));
        // The proxy may reset a connection that comes while it moves.
        Assert.That(notices.Where(notice => notice.Kind != LinkNoticeKind.ConnectFailed), Is.Empty, "no memory was rolled back");
    }

    [Test]
    public async Task What_is_written_at_a_server_that_a_device_has_left_is_refused_and_what_it_had_stored_arrives_from_the_other_one()
    {
        var (one, _) = await StartServerAsync("one");
        var (two, _) = await StartServerAsync("two");
        await using var proxy = new MovingProxy(one.EndPoint.Port);
        var device = StartClient(ClientOptions(proxy.EndPoint, "pump-1"));
        var link = await one.WaitForAsync("pump-1").Within();
        var heard = device.Lines.Take(2).ToList().Replay();
        using var hearing = heard.Connect();
        proxy.MoveTo(0);
        await link.State.FirstAsync(state => !state.IsUp);
        await link.WriteAsync("stored", Stored).Within();
        proxy.MoveTo(two.EndPoint.Port);
        var other = await two.WaitForAsync("pump-1").Within();
        await other.State.FirstAsync(state => state.IsUp);

        var states = link.State.ToList().Replay();
        using var watching = states.Connect();
        var refused = await Assert.CatchAsync(() => link.WriteAsync("fenced out", Stored).Within());
        Assert.That(refused, Is.TypeOf<LinkClosedException>(), $"{refused}");
        await Bound.EventuallyAsync(() => one.Find("pump-1") is null);
        Assert.That(one.Counters.UnknownIdsForgotten, Is.Zero, "it made no room for another id");
        Assert.That((await states.Timeout(Bound.Limit))[^1].Outage!.Reason, Is.EqualTo(OutageReason.ClaimedElsewhere));
        await other.WriteAsync("from the other one").Within();
        Assert.That(await heard.Timeout(Bound.Limit), Is.EqualTo(["stored", "from the other one"]));
    }

    /// <summary>An application that opens a link to write to it must not throw the device out.</summary>
    [Test]
    public async Task A_link_of_a_device_that_is_up_at_another_server_is_not_opened_and_the_device_stays_there()
    {
        var (one, _) = await StartServerAsync("one");
        var (two, _) = await StartServerAsync("two");
        await using var proxy = new MovingProxy(one.EndPoint.Port);
        var device = StartClient(ClientOptions(proxy.EndPoint, "pump-1"));
        var heard = device.Lines.Take(2).ToList().Replay();
        using var hearing = heard.Connect();
        await UntilAsync("SELECT is_up FROM iotlink.sessions");

        foreach (var attempt in new Func<Task>[] { () => two.OpenAsync("pump-1").Within(), () => two.ForgetAsync("pump-1").Within() })
        {
            var refused = await Assert.CatchAsync(attempt);
            Assert.That(refused, Is.TypeOf<DeviceElsewhereException>().With.Message.Contains("'pump-1' is connected at the server 'one'"));
        }

        await (await one.OpenAsync("pump-1").Within()).WriteAsync("its claim holds").Within();
        Assert.That((await device.State.FirstAsync()).Outage, Is.Null, "its connection was not touched");

        proxy.MoveTo(0);
        await UntilAsync("SELECT NOT is_up FROM iotlink.sessions");
        await (await two.OpenAsync("pump-1").Within()).WriteAsync("waits", Stored).Within();
        proxy.MoveTo(one.EndPoint.Port);
        Assert.That(await heard.Timeout(Bound.Limit), Is.EqualTo(["its claim holds", "waits"]));
    }

    /// <summary>
    /// A server that was killed counts as alive for some seconds, with its devices up. The one that is started in its
    /// place does not wait for that.
    /// </summary>
    [Test]
    public async Task A_server_that_starts_with_the_name_of_another_one_opens_the_devices_of_that_one()
    {
        var (one, _) = await StartServerAsync("one");
        _ = StartClient(ClientOptions(one.EndPoint, "pump-1"));
        await UntilAsync("SELECT is_up FROM iotlink.sessions");
        var (two, _) = await StartServerAsync("two");
        Assert.That(await Assert.CatchAsync(() => two.OpenAsync("pump-1").Within()), Is.TypeOf<DeviceElsewhereException>());

        var (again, _) = await StartServerAsync("one");
        await (await again.OpenAsync("pump-1").Within()).WriteAsync("of the next one", Stored).Within();

        await UntilAsync("SELECT seen > clock_timestamp() - interval '5 s' FROM iotlink.servers WHERE node = 'one'");
    }

    /// <summary>Another server leaves it alone, and says in the list of the fleet that it sleeps.</summary>
    [Test]
    public async Task A_device_sleeps_on_at_the_server_that_starts_in_place_of_its_own()
    {
        var (one, _) = await StartServerAsync("one");
        var device = StartClient(ClientOptions(one.EndPoint, "meter-1"));
        await device.WaitUntilUpAsync().Within();
        using var wake = new CancellationTokenSource();
        var sleeping = device.SleepAsync(TimeSpan.FromHours(1), wake.Token);
        await UntilAsync("SELECT connections > 0 AND NOT is_up FROM iotlink.sessions");
        var until = (await one.Find("meter-1")!.State.FirstAsync()).AsleepUntil;

        var (two, _) = await StartServerAsync("two");
        var (again, _) = await StartServerAsync("one");
        var link = await again.WaitForAsync("meter-1").Within();
        Assert.That((await link.State.FirstAsync(state => state.Status == LinkStatus.Asleep).Timeout(Bound.Limit)).AsleepUntil, Is.EqualTo(until));
        Assert.That(two.Find("meter-1"), Is.Null);
        var listed = await stores[two].Fleet.GetDeviceAsync("meter-1");
        Assert.That((listed!.Node, listed.IsUp, listed.LastOutage), Is.EqualTo(("one", false, $"PeerLeft, asleep until {until:u}")));
        await wake.CancelAsync();
        Assert.That(async () => await sleeping, Throws.InstanceOf<OperationCanceledException>());
    }

    /// <summary>Each line is in the table of the application once and in order, whoever had it first.</summary>
    [Test]
    public async Task A_device_that_moves_again_and_again_under_load_loses_and_repeats_nothing()
    {
        const int Lines = 400;
        await cluster.SqlAsync("CREATE TABLE had (place bigserial, epoch bigint, number bigint, text text, UNIQUE (epoch, number))", database);
        var servers = new[] { (await StartServerAsync("one")).Server, (await StartServerAsync("two")).Server };
        foreach (var server in servers)
            Own(server.Process(InsertAsync));
        await using var proxy = new MovingProxy(servers[0].EndPoint.Port);
        var device = StartClient(ClientOptions(proxy.EndPoint, "pump-1") with { OutboxLines = Lines });
        var heard = new List<string>();
        using var hearing = device.Lines.Subscribe(heard.Add);
        var random = new Random(1);
        var at = 0;
        for (var n = 0; n < Lines; n++)
        {
            device.Writer.OnNext(string.Create(CultureInfo.InvariantCulture, $"{n}"));
            if (n % 10 != 9)
                continue;
            var rows = random.Next(n);
            await Bound.EventuallyAsync(() => device.Counters.LinesAcknowledged >= rows);
            await WriteAsync(servers[at % 2], string.Create(CultureInfo.InvariantCulture, $"{n}"));
            proxy.MoveTo(servers[++at % 2].EndPoint.Port);
        }

        await device.DrainAsync().Within();
        var last = await servers[at % 2].OpenAsync("pump-1").Within();
        await last.DrainAsync().Within();
        Assert.That(
            await cluster.SqlAsync("SELECT string_agg(text, ' ' ORDER BY place) FROM had", database),
            Is.EqualTo(string.Join(' ', Enumerable.Range(0, Lines))));
        Assert.That(await cluster.SqlAsync("SELECT count(DISTINCT epoch) FROM had", database), Is.EqualTo(1), "one life of the device");
        Assert.That(heard, Is.EqualTo(Enumerable.Range(0, Lines / 10).Select(n => string.Create(CultureInfo.InvariantCulture, $"{(10 * n) + 9}"))));

        async Task InsertAsync(ReceivedLine line, CancellationToken cancellationToken) => await cluster.SqlAsync(
            $"INSERT INTO had (epoch, number, text) VALUES ({unchecked((long)line.Line.Epoch)}, {line.Line.Number}, '{line.Text}') ON CONFLICT DO NOTHING", database);

        // The server may have lost the device meanwhile, and says so: then nothing was stored.
        async Task WriteAsync(IotLinkServer server, string line)
        {
            while (true)
            {
                try
                {
                    await (await server.WaitForAsync("pump-1").Within()).WriteAsync(line, Stored).Within();
                    return;
                }
                catch (LinkClosedException)
                {
                    await Task.Yield();
                }
            }
        }
    }

    private async Task UntilAsync(string sql) => await Observable.Interval(TimeSpan.FromMilliseconds(20))
        .Select(_ => Observable.FromAsync(() => cluster.SqlAsync(sql, database))).Concat().FirstAsync(answer => answer is true, sql);

    private async Task<(IotLinkServer Server, List<string> Lines)> StartServerAsync(string node)
    {
        var store = Own(await PostgreSqlSessionStore.OpenAsync(new PostgreSqlSessionStoreOptions
        {
            ConnectionString = cluster.ConnectionString(database), Node = node, MaxConnections = 4,
        }));
        var server = await StartServerAsync(ServerOptions with { SessionStore = store, PinAddresses = false });
        stores[server] = store;
        var lines = new List<string>();
        if (TestContext.CurrentContext.Test.Name.StartsWith("A_device_that_comes_back", StringComparison.Ordinal))
            Own(server.Links.SelectMany(link => link.Lines).Synchronize(lines).Subscribe(lines.Add));
        return (server, lines);
    }
}
