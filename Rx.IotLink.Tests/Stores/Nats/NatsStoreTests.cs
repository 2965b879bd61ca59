using System.Globalization;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Nats;
using Rx.IotLink.Nats.Log;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores.PostgreSql;

namespace Rx.IotLink.Tests.Stores.Nats;

/// <summary>Servers that share a stream of NATS.</summary>
internal sealed class NatsStoreTests : ServerTest
{
    /// <summary>Three nodes, and each record is on all of them: one is killed, and then there again.</summary>
    [Test]
    public async Task A_device_that_moves_between_servers_loses_and_repeats_nothing_though_a_node_is_killed()
    {
        const int Lines = 200;
        var cluster = Own(await NatsCluster.StartAsync(nodes: 3));
        var had = new List<string>();
        var names = new HashSet<(ulong, ulong)>();
        var servers = new[] { await StartAsync(cluster, "one"), await StartAsync(cluster, "two") };
        foreach (var server in servers)
        {
            Own(server.Process((line, _) =>
            {
                lock (had)
                {
                    if (names.Add((line.Line.Epoch, line.Line.Number)))
                        had.Add(line.Text);
                }

                return Task.CompletedTask;
            }));
        }

        await using var proxy = new MovingProxy(servers[0].EndPoint.Port);
        var device = StartClient(ClientOptions(proxy.EndPoint, "pump-1") with { OutboxLines = Lines });
        for (var n = 0; n < Lines; n++)
        {
            device.Writer.OnNext(n.ToString(CultureInfo.InvariantCulture));
            if (n % 20 != 19)
                continue;
            var least = n - 19;
            await Bound.EventuallyAsync(() => device.Counters.LinesAcknowledged >= least);
            proxy.MoveTo(servers[n / 20 % 2].EndPoint.Port);
            if (n == 59)
                await cluster.KillAsync(0);
            if (n == 119)
                await cluster.RunAsync(0);
        }

        await device.DrainAsync().Within();
        Assert.That(string.Join(' ', had), Is.EqualTo(string.Join(' ', Enumerable.Range(0, Lines))));
        Assert.That(names.Select(name => name.Item1).Distinct().Count(), Is.EqualTo(1), "one life of the device");
    }

    [Test]
    public async Task A_long_log_is_said_anew_and_what_is_not_said_to_its_end_does_not_count()
    {
        var cluster = Own(await NatsCluster.StartAsync(nodes: 1));
        var store = Own(await OpenAsync(cluster, "one"));
        var claim = (await store.ClaimAsync("pump-1")).Claim;
        await store.WriteAsync([new(claim, new(SessionRecordKind.Begin, Epoch: 7))]);
        for (var n = 1; n <= 400; n++)
        {
            await store.WriteAsync([new(claim, new(SessionRecordKind.Add, n, Text: new string('x', 2_000)))]);
            if (n > 20)
                await store.WriteAsync([new(claim, new(SessionRecordKind.RemoveThrough, n - 20, Number: (ulong)(n - 20)))]);
        }

        Assert.That(await store.MessagesOfAsync("pump-1"), Is.LessThan(200), "801 were written");
        await using var other = await OpenAsync(cluster, "two");
        var (later, memory) = await other.ClaimAsync("pump-1");
        Assert.That(memory, Is.EqualTo(new SessionMemory(7, 381, null, 0, 0, LastPosition: 400, 20, 40_000)));
        Assert.That((await other.ReadLinesAsync(later, 0, 100)).Select(line => line.Position), Is.EqualTo(Enumerable.Range(381, 20).Select(n => (long)n)));
    }

    [Test]
    public void What_a_writer_has_begun_and_not_ended_is_passed_over()
    {
        var line = Entry.Of(EntryKind.Records, token: 1, [new(SessionRecordKind.Add, 1, Text: new string('x', 1_000))], most: 10_000)[0].Bytes;
        var pieces = Entry.Pieces(line, most: 300).ToArray();
        Assert.That(pieces, Has.Length.EqualTo(4));
        var log = new Reading();
        log.Add(Entry.Of(EntryKind.Claim, token: 0), sequence: 1);
        log.Add(Entry.Begin(new() { Token = 1, Numbers = { LastPosition = 9 } }), 2);
        log.Add(pieces[0], 3);
        log.Add(pieces[1], 4);
        Assert.That((log.Memory.Lines.Count, log.Memory.Numbers.LastPosition), Is.EqualTo((0, 0)));
        for (var at = 0; at < pieces.Length; at++)
            log.Add(pieces[at], 5 + at);
        Assert.That((log.Memory.Lines.Count, log.Memory.Numbers.LastPosition), Is.EqualTo((1, 1)), "the memory that was begun anew does not count");
        Assert.That(() => log.Add(pieces[1], 10), Throws.InstanceOf<InvalidDataException>());
        Assert.That(() => log.Add(new byte[] { 2, 1 }, 11), Throws.InstanceOf<InvalidDataException>());
    }

    [Test]
    public async Task A_server_that_is_away_is_said_and_no_password_is()
    {
        var failed = await Assert.CatchAsync(() => NatsSessionStore.OpenAsync(new NatsSessionStoreOptions
        {
            Url = "nats://iotlink:secret@127.0.0.1:1", Timeout = TimeSpan.FromSeconds(1),
        }).Within());
        Assert.That((failed as SessionStoreException)?.Fault, Is.EqualTo(SessionStoreFault.Unavailable), $"{failed}");
        Assert.That(failed!.Message, Does.Contain("'iotlink' of NATS").And.Not.Contain("secret"));
        var cluster = Own(await NatsCluster.StartAsync(nodes: 1));
        var alone = await Assert.CatchAsync(() => NatsSessionStore.OpenAsync(new NatsSessionStoreOptions { Url = cluster.Url, Replicas = 3 }).Within());
        Assert.That((alone as SessionStoreException)?.Fault, Is.EqualTo(SessionStoreFault.Unavailable), $"{alone}");
        Assert.That(alone!.Message, Does.Contain("replicas"));
    }

    [TestCase("", "iotlink", 3)]
    [TestCase("nats://x", "a.b", 3)]
    [TestCase("nats://x", "iotlink", 2)]
    public void What_is_out_of_range_is_said(string url, string stream, int replicas) => Assert.That(
        () => NatsSessionStore.OpenAsync(new NatsSessionStoreOptions { Url = url, Stream = stream, Replicas = replicas }), Throws.InstanceOf<ArgumentException>());

    private static Task<NatsSessionStore> OpenAsync(NatsCluster cluster, string node, int replicas = 1) =>
        NatsSessionStore.OpenAsync(new NatsSessionStoreOptions { Url = cluster.Url, Node = node, Replicas = replicas });

    private async Task<IotLinkServer> StartAsync(NatsCluster cluster, string node)
    {
        // A cluster that has just begun has no leader yet, and says so.
        NatsSessionStore? store = null;
        while (store is null)
        {
            try
            {
                store = await OpenAsync(cluster, node, replicas: 3).Within();
            }
            catch (SessionStoreException e) when (e.Fault == SessionStoreFault.Unavailable)
            {
                await Task.Yield();
            }
        }

        return await StartServerAsync(ServerOptions with { SessionStore = Own(store), PinAddresses = false });
    }
}
