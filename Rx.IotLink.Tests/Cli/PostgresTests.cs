using System.Globalization;
using System.Reactive.Linq;
using System.Text.Json;
using NUnit.Framework;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores.PostgreSql;

namespace Rx.IotLink.Tests.Cli;

/// <summary><c>serve --postgres</c>: real processes that share a fleet.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class PostgresTests
{
    private const string Variable = "IOTLINK_POSTGRES";

    private PostgresCluster cluster = null!;
    private string database = "";

    [SetUp]
    public async Task StartAsync()
    {
        cluster = await PostgresCluster.Shared;
        database = await cluster.NewDatabaseAsync();
    }

    /// <summary>
    /// One server is stopped while it has the device, and goes on when the device has been at the other one for a
    /// while.
    /// </summary>
    [Test]
    public async Task Two_servers_share_a_device_and_one_that_was_stopped_is_fenced_out()
    {
        await using var one = Serve("one");
        await using var two = Serve("two");
        var (portOfOne, portOfTwo) = (await PortAsync(one), await PortAsync(two));
        await using var proxy = new MovingProxy(portOfOne);
        await using var device = IotLinkProcess.Connect(proxy.EndPoint.Port, "pump-1", "--stay");
        await device.WriteAsync("up 1\nup 2\n");
        await PrintedAsync("up 2", one, two);
        await two.WriteAsync("""{"id":"pump-1","line":"from two"}""" + "\n");
        await device.OutputAsync("from two");

        one.Signal("STOP");
        await device.WriteAsync("up 3\nup 4\n");
        proxy.MoveTo(portOfTwo);
        await two.WriteAsync("""{"id":"pump-1","line":"from two again"}""" + "\n");
        await device.OutputAsync("from two again");
        // Ten seconds later, if the device's lines were those of the one that is stopped.
        await two.OutputAsync("up 4");
        one.Signal("CONT");
        await one.WriteAsync("""{"id":"pump-1","line":"from one"}""" + "\n");
        await device.OutputAsync("from one");
        await device.WriteAsync("up 5\n");
        await PrintedAsync("up 5", one, two);
        device.EndInput();
        device.Signal();
        Assert.That(await device.ExitAsync(), Is.Zero);
        two.Signal();
        Assert.That(await two.ExitAsync(), Is.Zero);
        one.Signal();
        Assert.That(await one.ExitAsync(), Is.Zero.Or.EqualTo(1), "it was stopped before it could hear that the device has 'from two'");

        var named = (await NamedAsync(one)).Concat(await NamedAsync(two)).Distinct().OrderBy(line => line.Number).ToArray();
        Assert.That(named.Select(line => line.Text), Is.EqualTo(["up 1", "up 2", "up 3", "up 4", "up 5"]), "each name once");
        Assert.That(await IotLinkProcess.AllAsync(device.Output), Is.EqualTo(["from two", "from two again", "from one"]));
        Assert.That(await cluster.SqlAsync("SELECT node FROM iotlink.sessions", database), Is.EqualTo("two"));
    }

    /// <summary>Many devices, so that each server prints lines of some. One is killed while lines come.</summary>
    [Test]
    public async Task Each_line_is_printed_by_one_of_two_servers_and_by_the_other_one_when_that_is_killed()
    {
        const int Devices = 12;
        await using var one = Serve("one");
        await using var two = Serve("two");
        await using var proxy = new MovingProxy(await PortAsync(one));
        var portOfTwo = await PortAsync(two);
        while (Convert.ToInt64(await cluster.SqlAsync("SELECT count(DISTINCT member) FROM iotlink.cursors WHERE member IS NOT NULL", database), CultureInfo.InvariantCulture) < 2)
            await Task.Yield();
        var devices = Enumerable.Range(0, Devices).Select(d => IotLinkClient.Start(new() { Host = "127.0.0.1", Port = proxy.EndPoint.Port, Id = Id(d), DrainTimeout = TimeSpan.Zero })).ToArray();
        try
        {
            await Task.WhenAll(devices.Select((device, d) => device.WriteAsync($"{Id(d)} before")));
            await Task.WhenAll(devices.Select((_, d) => PrintedAsync($"{Id(d)} before", one, two)));
            one.Signal("KILL");
            proxy.MoveTo(portOfTwo);
            await Task.WhenAll(devices.Select((device, d) => device.WriteAsync($"{Id(d)} after")));
            await Task.WhenAll(devices.Select((_, d) => two.OutputAsync($"{Id(d)} after")));
            two.Signal();
            _ = await two.ExitAsync();
            var all = (await NamedAsync(one)).Concat(await NamedAsync(two)).Select(line => line.Text).ToArray();
            Assert.That(all.Where(text => text.EndsWith("after", StringComparison.Ordinal)), Is.Unique);
            Assert.That(all.Distinct(StringComparer.Ordinal).Count(), Is.EqualTo(2 * Devices));
        }
        finally
        {
            foreach (var device in devices)
                await device.DisposeAsync();
        }

        static string Id(int d) => string.Create(CultureInfo.InvariantCulture, $"pump-{d:00}");
    }

    [Test]
    public async Task A_line_that_is_typed_while_the_database_is_away_waits_and_arrives()
    {
        await using var own = await PostgresCluster.StartAsync();
        (cluster, database) = (own, "postgres");
        await using var server = Serve("one");
        await using var device = IotLinkProcess.Connect(await PortAsync(server), "pump-1", "--stay");
        await server.WriteAsync("""{"id":"pump-1","line":"before"}""" + "\n");
        await device.OutputAsync("before");
        await own.KillAsync();
        await server.WriteAsync("""{"id":"pump-1","line":"meanwhile"}""" + "\n");
        await server.EventAsync("lines for it wait, and are not stored yet");
        await own.RunAsync();
        await device.OutputAsync("meanwhile");
        server.Signal();
        _ = await server.ExitAsync();
        Assert.That(await IotLinkProcess.AllAsync(server.Events), Has.None.Contains(PostgresCluster.Password));
    }

    /// <summary>Typed at a server where the device never was, while it is away from all of them.</summary>
    [Test]
    public async Task A_typed_line_may_expire_and_one_of_a_key_replaces_the_one_before_it()
    {
        await using var one = Serve("one", "--line-key", "setpoint");
        await using var two = Serve("two");
        var portOfTwo = await PortAsync(two);
        await one.WriteAsync("""
            {"id":"pump-1","line":"old"}
            {"id":"pump-1","line":"new"}
            {"id":"pump-1","line":"too late","ttl":0.001,"key":"other"}
            {"id":"pump-1","line":"last","key":"another"}

            """);
        while (Convert.ToString(await cluster.SqlAsync("SELECT string_agg(convert_from(text, 'UTF8'), ' ' ORDER BY entry) FROM iotlink.outbox WHERE expires IS NULL", database), CultureInfo.InvariantCulture) != "new last")
            await Task.Yield();
        await using var device = IotLinkProcess.Connect(portOfTwo, "pump-1", "--stay");
        await device.OutputAsync("last");
        device.EndInput();
        device.Signal();
        _ = await device.ExitAsync();
        Assert.That(await IotLinkProcess.AllAsync(device.Output), Is.EqualTo(["new", "last"]));
    }

    [TestCase("--consumer a", "--consumer is of no use without --postgres.")]
    [TestCase("--node one", "--node is of no use without --postgres.")]
    [TestCase("--store fleet.db --postgres Host=db", "--store and --postgres cannot both be given: a server has one store.")]
    [TestCase("--postgres", "--postgres needs a CONNECTION, or the environment variable IOTLINK_POSTGRES.")]
    [TestCase("--postgres Host=db;Pasword=secret", "--postgres: ConnectionString cannot be read.")]
    [TestCase("--postgres Host=127.0.0.1;Port=1;Password=secret", "--postgres: The session store 'iotlink' of the database '")]
    public async Task What_cannot_be_used_is_said_in_a_sentence(string arguments, string says)
    {
        await using var process = IotLinkProcess.Start(["serve", "--port", "0", .. arguments.Split(' ')]);
        process.EndInput();
        Assert.That(await process.ExitAsync(), Is.EqualTo(2));
        Assert.That((await IotLinkProcess.AllAsync(process.Events)).Single(), Does.StartWith($"iotlink: {says}").And.Not.Contain("secret"));
    }

    [Test]
    public async Task The_SQL_of_the_tables_is_printed()
    {
        await using var process = IotLinkProcess.Start("postgres-sql", "--schema", "fleet");
        Assert.That(await process.ExitAsync(), Is.Zero);
        Assert.That(string.Join('\n', await IotLinkProcess.AllAsync(process.Output)), Is.EqualTo(PostgreSqlSessionStore.SchemaSql("fleet").TrimEnd('\n')));
        await using var refused = IotLinkProcess.Start("postgres-sql", "--schema", "Fleet;");
        Assert.That(await refused.ExitAsync(), Is.EqualTo(2));
        Assert.That((await IotLinkProcess.AllAsync(refused.Events)).Single(), Does.Contain("--schema must be 1 to 63 lower-case letters"));
    }

    /// <summary>The connection comes from the environment: no list of processes shows the password.</summary>
    private IotLinkProcess Serve(string node, params string[] more) => IotLinkProcess.StartByShell(
        "exec \"$@\"", ["serve", "--port", "0", "--json", "--postgres", "--node", node, .. more],
        new(StringComparer.Ordinal) { [Variable] = cluster.ConnectionString(database) });

    private static async Task PrintedAsync(string text, IotLinkProcess one, IotLinkProcess two) =>
        await await Task.WhenAny(one.OutputAsync(text), two.OutputAsync(text));

    private static async Task<int> PortAsync(IotLinkProcess server)
    {
        var listening = (await server.EventAsync("listening")).TrimEnd('"', '}');
        return int.Parse(listening[(listening.LastIndexOf(':') + 1)..], CultureInfo.InvariantCulture);
    }

    private static async Task<IEnumerable<(ulong Number, string Text)>> NamedAsync(IotLinkProcess server) =>
        (await IotLinkProcess.AllAsync(server.Output)).Select(line => JsonDocument.Parse(line).RootElement)
            .Select(line => (line.GetProperty("number").GetUInt64(), line.GetProperty("line").GetString()!));
}
