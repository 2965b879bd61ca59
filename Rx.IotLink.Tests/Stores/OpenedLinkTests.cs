using System.Net;
using System.Reactive.Linq;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Sqlite;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.Stores;

/// <summary>Links that the application opens before their devices have connected.</summary>
internal sealed class OpenedLinkTests : ServerTest
{
    private static readonly WriteOptions Stored = new() { Until = WrittenUntil.Stored };
    private static readonly byte[] Key = Encoding.ASCII.GetBytes("sixteen bytes or more");

    private TemporaryFolder folder = null!;

    [SetUp]
    public void MakeFolder() => folder = Own(new TemporaryFolder());

    [Test]
    public async Task What_is_written_to_a_device_that_is_away_outlives_the_server_and_arrives_once()
    {
        await MeetAsync("pump-1");
        for (var n = 1; n <= 3; n++)
        {
            await using var store = OpenStore();
            await using var server = await IotLinkServer.StartAsync(ServerOptions with { SessionStore = store }).Within();
            var link = await server.OpenAsync("pump-1").Within();
            await link.WriteAsync($"{n}", Stored).Within();
        }

        await using var last = OpenStore();
        var serving = await StartServerAsync(ServerOptions with { SessionStore = last });
        var opened = await serving.OpenAsync("pump-1").Within();
        var client = StartClient(serving, "pump-1");
        var received = client.Lines.Record();
        await opened.DrainAsync().Within();
        await opened.WriteAsync("4").Within();
        Assert.That(received.Values, Is.EqualTo(["1", "2", "3", "4"]));
    }

    [Test]
    public async Task A_device_of_protocol_1_gets_what_was_written_before_it_came()
    {
        await using var store = OpenStore();
        var server = await StartServerAsync(ServerOptions with { SessionStore = store, Expected = ["pump-1"] });
        var link = await server.OpenAsync("pump-1").Within();
        await link.WriteAsync("open", Stored).Within();
        var client = StartClient(ClientOptions(server.EndPoint, "pump-1") with { Protocol = 1 });
        Assert.That(await client.Lines.FirstAsync().Timeout(Bound.Limit), Is.EqualTo("open"));
        await link.DrainAsync().Within();
    }

    [Test]
    public async Task An_id_that_nobody_knows_is_not_opened_and_leaves_nothing_in_the_store()
    {
        await using (var store = OpenStore())
        {
            var server = await StartServerAsync(ServerOptions with { SessionStore = store });
            var refused = await Assert.ThrowsAsync<UnknownDeviceException>(() => server.OpenAsync("pump-9").Within());
            Assert.That((refused!.Id, refused.Message), Is.EqualTo(
                ("pump-9", "No device 'pump-9' is known: it is not expected, has no key, and the session store has nothing of it.")));
            Assert.That(server.Counters.Links, Is.Zero);
            await server.StopAsync().Within();
        }

        await using var reader = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={folder["fleet.db"]};Mode=ReadOnly;Pooling=False");
        await reader.OpenAsync();
        await using var count = reader.CreateCommand();
        count.CommandText = "SELECT count(*) FROM sessions";
        Assert.That(await count.ExecuteScalarAsync(), Is.Zero);
    }

    [Test]
    public async Task An_id_that_is_expected_or_has_a_key_is_known_with_a_store_and_without([Values] bool isStored)
    {
        await using var store = OpenStore();
        var options = ServerOptions with
        {
            SessionStore = isStored ? store : null,
            Expected = ["expected"],
            KeyOf = id => id == "keyed" ? Key : null,
        };
        var server = await StartServerAsync(options);
        var links = server.Links.Record();
        var waiting = server.WaitForAsync("keyed");
        foreach (var id in (string[])["expected", "keyed"])
        {
            var link = await server.OpenAsync(id).Within();
            Assert.That((link.Id, server.Find(id), await server.OpenAsync(id).Within()), Is.EqualTo((id, link, link)));
        }

        await links.FirstAsync(link => link.Id == "keyed");
        Assert.That(await waiting.Within(), Is.SameAs(server.Find("keyed")));
        Assert.That(links.Values.Select(link => link.Id), Is.EqualTo(["expected", "keyed"]), "each once");
        Assert.That(server.Counters.UnknownIds, Is.Zero);
        await Assert.ThrowsAsync<UnknownDeviceException>(() => server.OpenAsync("neither").Within());
    }

    [TestCase("", "empty")]
    [TestCase("two\nlines", "id")]
    [TestCase("a/../b", "dots alone")]
    public async Task What_is_no_id_is_refused_at_once(string id, string rule)
    {
        await using var store = OpenStore();
        var server = await StartServerAsync(ServerOptions with { SessionStore = store });
        Assert.That(() => _ = server.OpenAsync(id), Throws.InstanceOf<ArgumentException>().With.Message.Contains(rule).And.Message.Not.Contains("\n"));
    }

    [Test]
    public async Task The_device_joins_when_it_connects_and_its_address_is_its_first()
    {
        await using var store = OpenStore();
        var server = await StartServerAsync(ServerOptions with { SessionStore = store, Expected = ["pump-1"], PinAddresses = true });
        var changes = server.Changes.Record();
        var link = await server.OpenAsync("pump-1").Within();
        await JoinAsync(server, "pump-1", IPAddress.Parse("127.0.0.2"));
        await changes.FirstAsync(c => c.Kind == LinkChangeKind.Up);

        Assert.That(changes.Values.Select(c => (c.Kind, c.Link)), Is.EqualTo([(LinkChangeKind.Joined, link), (LinkChangeKind.Up, link)]));
        Assert.That(Log.Entries.Values.Select(e => e.Id), Has.Exactly(1).EqualTo(10).And.None.EqualTo(12), "first connection, no change of address");
    }

    /// <summary>A connection that says an id is not let in by what the application does with that id.</summary>
    [Test]
    public async Task That_it_is_open_lets_nobody_in_who_would_be_refused()
    {
        await MeetAsync("pump-1");
        await using var store = OpenStore();
        var server = await StartServerAsync(ServerOptions with { SessionStore = store, Expected = ["pump-2"], UnknownIds = UnknownIdPolicy.Refuse });
        await server.OpenAsync("pump-1").Within();
        var peer = await ConnectAsync(server, "pump-1");
        Assert.That(await peer.HearToEndAsync(), Is.Empty, "refused");
        Assert.That(server.Counters.Refused[Refusal.UnknownId], Is.EqualTo(1));
        Assert.That(server.HasCome(server.Find("pump-1")!), Is.False);
    }

    [Test]
    public async Task A_store_that_fails_is_reported_and_the_next_time_it_works()
    {
        var store = new BreakableStore();
        store.Fails(BreakableStore.Claim);
        var server = await StartServerAsync(ServerOptions with { SessionStore = store, Expected = ["pump-1"] });
        var failed = await Assert.ThrowsAsync<SessionStoreException>(() => server.OpenAsync("pump-1").Within());
        Assert.That((failed!.Fault, failed.Message), Is.EqualTo((
            SessionStoreFault.Unavailable,
            "The session store of 'pump-1' failed: the session store could not be opened: IOException: Claim failed. Try again.")));
        Assert.That((await server.OpenAsync("pump-1").Within()).Id, Is.EqualTo("pump-1"));
    }

    [Test]
    public async Task Whoever_waits_for_a_store_may_give_up_and_learns_when_the_server_stops()
    {
        using var released = new ManualResetEventSlim();
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var store = new BreakableStore
        {
            BeforeClaim = _ =>
            {
                entered.TrySetResult();
                released.Wait();
            },
        };
        try
        {
            var server = await StartServerAsync(ServerOptions with { SessionStore = store, Expected = ["pump-1"] });
            using var impatient = new CancellationTokenSource();
            var first = server.OpenAsync("pump-1", impatient.Token);
            var second = server.OpenAsync("pump-1");
            await entered.Task.Within();
            await impatient.CancelAsync();
            Assert.That(async () => await first.Within(), Throws.InstanceOf<OperationCanceledException>());
            await server.StopAsync().Within();
            Assert.That(async () => await second.Within(), Throws.InstanceOf<LinkClosedException>());
            Assert.That(async () => await server.OpenAsync("pump-1").Within(), Throws.InstanceOf<LinkClosedException>());
        }
        finally
        {
            released.Set();
        }
    }

    private SqliteSessionStore OpenStore() => SqliteSessionStore.Open(folder["fleet.db"]);

    /// <summary>A server that has met a device, and is gone.</summary>
    private async Task MeetAsync(string id)
    {
        await using var store = OpenStore();
        await using var server = await IotLinkServer.StartAsync(ServerOptions with { SessionStore = store }).Within();
        await using var client = IotLinkClient.Start(ClientOptions(server.EndPoint, id));
        await client.WaitUntilUpAsync().Within();
    }
}
