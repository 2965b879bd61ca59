using Microsoft.Data.Sqlite;
using NUnit.Framework;
using Rx.IotLink.Sqlite;
using Stores;

namespace Rx.IotLink.Tests.Stores.Sqlite;

/// <summary>Options, backups, and other programs on the file.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class SqliteStoreTests
{
    private const int Devices = 4;

    private TemporaryFolder folder = null!;

    [SetUp]
    public void SetUp() => folder = new();

    [TearDown]
    public void CleanUp() => folder.Dispose();

    [Test]
    public async Task A_batch_waits_for_the_disk_also_after_a_claim_that_did_not([Values] SqliteDurability durability)
    {
        await using var store = SqliteSessionStore.Open(new SqliteSessionStoreOptions { Path = folder["fleet.db"], Durability = durability });
        var waits = durability == SqliteDurability.Full ? 2 : 1;
        Assert.That(store.Synchronous, Is.EqualTo(waits));
        await BatchStream.WriteAsync(store, Devices, 1);
        Assert.That(store.Synchronous, Is.EqualTo(waits));
    }

    [Test]
    public async Task A_backup_is_a_store_of_its_own_made_while_batches_are_written()
    {
        await using var store = SqliteSessionStore.Open(folder["fleet.db"]);
        await BatchStream.WriteAsync(store, Devices, 20);
        var writing = Task.Run(() => BatchStream.WriteAsync(store, Devices, 120));
        store.Backup(folder["copy.db"]);
        await writing;

        await using var copy = SqliteSessionStore.Open(folder["copy.db"]);
        Assert.That(await BatchStream.CheckAsync(copy, Devices, isCopy: true), Is.InRange(20, 120));
        Assert.That(File.Exists(folder["copy.db.part"]), Is.False);
    }

    [Test]
    public async Task A_backup_replaces_nothing_and_says_what_is_wrong_with_its_path()
    {
        await using var store = SqliteSessionStore.Open(folder["fleet.db"]);
        await BatchStream.WriteAsync(store, Devices, 1);
        foreach (var taken in new[] { folder["fleet.db"], folder.ToString() })
            Assert.That(Assert.Throws<SessionStoreException>(() => store.Backup(taken))!.Message, Does.EndWith("is there already, and a backup replaces nothing. Name a new file."));
        Assert.That(Assert.Throws<SessionStoreException>(() => store.Backup(folder["no/copy.db"]))!.Message, Does.Contain($"'{folder["no/copy.db"]}' is in a folder that does not exist"));
        Assert.That(await BatchStream.CheckAsync(store, Devices), Is.EqualTo(1));
    }

    [Test]
    public async Task A_transaction_of_another_program_fails_batches_until_it_ends()
    {
        await using var store = SqliteSessionStore.Open(new SqliteSessionStoreOptions { Path = folder["fleet.db"], BusyTimeout = TimeSpan.Zero });
        await BatchStream.WriteAsync(store, Devices, 5);
        await using (var other = new SqliteConnection($"Data Source={folder["fleet.db"]};Pooling=False"))
        {
            await other.OpenAsync();
            await using var begin = other.CreateCommand();
            begin.CommandText = "BEGIN IMMEDIATE";
            await begin.ExecuteNonQueryAsync();
            var e = (await Assert.ThrowsAsync<SessionStoreException>(() => BatchStream.WriteAsync(store, Devices, 6)))!;
            Assert.That(e.Fault, Is.EqualTo(SessionStoreFault.InUse));
            Assert.That(e.Message, Does.EndWith("is locked by another program. End its transaction; the store goes on by itself then."));
        }

        await BatchStream.WriteAsync(store, Devices, 6);
        Assert.That(await BatchStream.CheckAsync(store, Devices), Is.EqualTo(6));
    }

    [Test]
    public async Task A_store_that_was_closed_says_so()
    {
        var store = SqliteSessionStore.Open(folder["fleet.db"]);
        var claim = (await store.ClaimAsync("pump-1")).Claim;
        await store.DisposeAsync();
        await store.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.ClaimAsync("pump-1"));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.WriteAsync([new(claim, new(SessionRecordKind.Begin, Epoch: 1))]));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.ReadLinesAsync(claim, 0, 1));
        Assert.Throws<ObjectDisposedException>(() => store.Backup(folder["copy.db"]));
        Assert.That(Directory.GetFiles(folder.ToString()).Select(Path.GetFileName), Is.EquivalentTo(["fleet.db", "fleet.db.lock"]));
    }

    [Test]
    public void An_option_that_is_out_of_range_is_named()
    {
        Assert.Throws<ArgumentException>(() => SqliteSessionStore.Open(""));
        AssertNamed("MaxBytes", new() { Path = folder["fleet.db"], MaxBytes = 1_000 });
        AssertNamed("BusyTimeout", new() { Path = folder["fleet.db"], BusyTimeout = TimeSpan.FromMinutes(2) });
        AssertNamed("Durability", new() { Path = folder["fleet.db"], Durability = (SqliteDurability)7 });
        Assert.That(Directory.GetFiles(folder.ToString()), Is.Empty);
    }

    [Test]
    public async Task A_record_that_cannot_be_kept_fails_its_batch_and_names_itself()
    {
        await using var store = SqliteSessionStore.Open(folder["fleet.db"]);
        var claim = (await store.ClaimAsync("pump-1")).Claim;
        SessionRecord begin = new(SessionRecordKind.Begin, Epoch: 1);
        await Assert.ThrowsAsync<ArgumentException>(async () => await store.WriteAsync([new(claim, begin), new(claim, new(SessionRecordKind.Add, 1))]));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await store.WriteAsync([new(claim, begin), new(claim, new((SessionRecordKind)99))]));
        Assert.That((await store.ClaimAsync("pump-1")).Memory, Is.EqualTo(SessionMemory.Empty));
    }

    private static void AssertNamed(string option, SqliteSessionStoreOptions options) =>
        Assert.That(Assert.Throws<ArgumentOutOfRangeException>(() => SqliteSessionStore.Open(options))!.ParamName, Is.EqualTo(option));
}
