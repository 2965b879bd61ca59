using System.Data.Common;
using System.Reactive.Linq;
using Microsoft.Data.Sqlite;
using NUnit.Framework;
using Rx.IotLink.Sqlite;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores.Fleet;

namespace Rx.IotLink.Tests.Stores.Sqlite;

/// <summary>The fleet over a real SQLite file, in one process.</summary>
[TestFixture]
internal sealed class SqliteFleetTests : FleetContract
{
    private TemporaryFolder folder = null!;

    protected override string SetAside => "fleet_set_aside";

    private string Path => folder["fleet.db"];

    // Deleted after everything that was made later.
    [SetUp]
    public void Make() => folder = Own(new TemporaryFolder());

    [Test]
    public async Task Lines_and_the_places_of_consumers_outlive_the_process()
    {
        var first = await OpenAsync(TimeSpan.Zero, fleetLines: 10);
        var server = await StartServerAsync(ServerOptions with { SessionStore = first.Store });
        var device = StartClient(server, "pump-1");
        foreach (var text in new[] { "one", "two", "three" })
            await device.WriteAsync(text).Within();
        Assert.That(await first.Fleet.Lines("a", Quick).Select(line => line.Text).Take(2).ToList().Timeout(Bound.Limit), Is.EqualTo(["one", "two"]));
        await UntilAsync("SELECT entry FROM fleet_cursors", 2);
        await first.Fleet.WriteAsync("pump-2", "later").Within();
        await server.DisposeAsync();
        await ((IAsyncDisposable)first.Store).DisposeAsync();

        var (second, fleet) = await StartAsync(TimeSpan.Zero);
        Assert.That((await fleet.Lines("a", Quick).FirstAsync().Timeout(Bound.Limit)).Text, Is.EqualTo("three"));
        Assert.That(await StartClient(second, "pump-2").Lines.FirstAsync().Timeout(Bound.Limit), Is.EqualTo("later"));
    }

    [Test]
    public async Task A_batch_that_is_written_again_adds_no_line_twice()
    {
        var (store, _) = await OpenAsync(TimeSpan.FromDays(1), fleetLines: 10);
        Own(store);
        var claim = (await store.ClaimAsync("pump-1")).Claim;
        SessionWrite Line(long place) => new(claim, new(SessionRecordKind.Receive, place, (ulong)place, Epoch: 7, Text(place)));
        Assert.That(await store.WriteAsync([Line(1), Line(2), new(claim, new(SessionRecordKind.Accept, Number: 2, Epoch: 7))]), Is.Empty);
        Assert.That(await store.WriteAsync([Line(1), Line(2), new(claim, new(SessionRecordKind.Begin, Epoch: 8)), Line(3)]), Is.Empty);
        Assert.That(await store.WriteAsync([Line(2), Line(3)]), Is.Empty);
        var later = (await store.ClaimAsync("pump-1")).Claim;
        Assert.That(await store.WriteAsync([Line(4)]), Is.EqualTo([claim]), "it is fenced out");
        await store.WriteAsync([new(later, new(SessionRecordKind.Receive, 1, 4, Epoch: 7, "4"))]);
        Assert.That(await TextAsync("SELECT group_concat(text, ' ') FROM (SELECT text FROM fleet_inbox ORDER BY entry)"), Is.EqualTo("1 2 3 4"));
    }

    /// <summary>
    /// A number that is given twice would lie behind the place of a consumer: its line would be lost.
    /// </summary>
    [Test]
    public async Task What_all_consumers_have_had_is_deleted_and_later_lines_come_all_the_same()
    {
        var (store, fleet) = await OpenAsync(TimeSpan.Zero, fleetLines: 10);
        Own(store);
        var server = await StartServerAsync(ServerOptions with { SessionStore = store });
        var device = StartClient(server, "pump-1");
        var heard = new List<string>();
        Own(fleet.Lines("a", Quick).Synchronize(heard).Subscribe(line => heard.Add(line.Text)));
        await device.WriteAsync("one").Within();
        await UntilAsync("SELECT count(*) FROM fleet_cursors WHERE entry = 1", 1);
        await UntilAsync("SELECT count(*) FROM fleet_inbox", 0);
        await device.WriteAsync("two").Within();
        await Bound.EventuallyAsync(() => heard.Count == 2);
        Assert.That(heard, Is.EqualTo(["one", "two"]));
    }

    [Test]
    public async Task A_handler_that_takes_its_time_takes_no_link_down()
    {
        const int Lines = 60;
        var (server, fleet) = await StartAsync();
        var device = StartClient(server, "pump-1");
        var outages = 0;
        Own((await server.WaitForAsync("pump-1").Within()).State.SkipWhile(state => !state.IsUp).Subscribe(state => outages += state.IsUp ? 0 : 1));
        await using var consumer = fleet.Process("billing", async (line, transaction, ct) =>
        {
            await Insert("a")(line, transaction, ct);
            await Observable.Timer(TimeSpan.FromMilliseconds(20));
        }, Quick);
        for (var n = 0; n < Lines; n++)
            await device.WriteAsync(Text(n)).Within();
        await UntilAsync("SELECT count(*) FROM had", Lines);
        Assert.That(outages, Is.Zero);
    }

    [Test]
    public async Task A_handler_that_would_wait_for_itself_gets_an_error()
    {
        var (server, fleet) = await StartAsync();
        var thrown = new TaskCompletionSource<Exception?>();
        await using var consumer = fleet.Process("billing", async (line, _, _) =>
            thrown.TrySetResult(await Assert.CatchAsync(() => fleet.WriteAsync(line.DeviceId, "answer"))), Quick);
        await StartClient(server, "pump-1").WriteAsync("question").Within();
        Assert.That(await thrown.Task.Within(), Is.TypeOf<InvalidOperationException>().With.Message.Contains("EnqueueAsync"));
        await fleet.WriteAsync("pump-1", "from outside").Within();
    }

    [Test]
    public async Task A_handler_that_ends_its_transaction_has_failed()
    {
        var (server, fleet) = await StartAsync();
        await using var consumer = fleet.Process("billing", (_, transaction, ct) => transaction.RollbackAsync(ct), Quick with { MaxAttempts = 1 });
        await StartClient(server, "pump-1").WriteAsync("one").Within();
        await UntilAsync("SELECT count(*) FROM fleet_set_aside WHERE error LIKE '%has ended its transaction%'", 1);
    }

    [Test]
    public async Task A_transaction_of_another_file_is_refused_and_so_is_a_store_that_does_not_wait()
    {
        var (_, fleet) = await StartAsync();
        await using var other = new SqliteConnection($"Data Source={folder["other.db"]};Pooling=False");
        await other.OpenAsync();
        await using var transaction = await other.BeginTransactionAsync();
        Assert.That(() => fleet.EnqueueAsync(transaction, "pump-1", "a"), Throws.ArgumentException.With.Message.Contains("another file"));
        using var hasty = SqliteSessionStore.Open(new SqliteSessionStoreOptions { Path = folder["hasty.db"], BusyTimeout = TimeSpan.Zero });
        Assert.That(() => hasty.Fleet.Process("a", (_, _, _) => Task.CompletedTask), Throws.InvalidOperationException.With.Message.Contains("BusyTimeout"));
    }

    [TestCase("UPDATE fleet_inbox SET text = 'two'", "inbox")]
    [TestCase("UPDATE fleet_outbox SET text = 'two'", "outbox")]
    public async Task A_line_that_is_not_as_it_was_written_is_found(string damage, string where)
    {
        var (store, fleet) = await OpenAsync(TimeSpan.FromDays(1), fleetLines: 10);
        var claim = (await store.ClaimAsync("pump-1")).Claim;
        await store.WriteAsync([new(claim, new(SessionRecordKind.Receive, 1, 1, Epoch: 7, "one"))]);
        await fleet.WriteAsync("pump-1", "one").Within();
        await ((IAsyncDisposable)store).DisposeAsync();
        await using (var connection = (SqliteConnection)await ConnectAsync())
        {
            await using var command = new SqliteCommand(damage, connection);
            await command.ExecuteNonQueryAsync();
        }

        var found = Assert.Throws<SessionStoreException>(() => SqliteSessionStore.Open(Path));
        Assert.That(found!.Fault, Is.EqualTo(SessionStoreFault.Damaged));
        Assert.That(found.Message, Does.Contain($"entry 1 of the {where} is not as it was written"));
    }

    protected override async Task<(ISessionStore Store, IFleet Fleet)> OpenAsync(TimeSpan inboxFor, int fleetLines)
    {
        var store = SqliteSessionStore.Open(new SqliteSessionStoreOptions { Path = Path, Inbox = true, InboxFor = inboxFor, FleetLines = fleetLines });
        await using var connection = (SqliteConnection)await ConnectAsync();
        await using var make = new SqliteCommand("CREATE TABLE IF NOT EXISTS had (place INTEGER PRIMARY KEY, id TEXT, text TEXT, who TEXT)", connection);
        await make.ExecuteNonQueryAsync();
        return (store, store.Fleet);
    }

    protected override async Task<DbConnection> ConnectAsync()
    {
        var connection = new SqliteConnection($"Data Source={Path};Pooling=False");
        await connection.OpenAsync();
        return connection;
    }

    protected override string Beside(string id) => id + "-2";
}
