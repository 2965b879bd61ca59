using NUnit.Framework;
using Rx.IotLink.Sqlite;
using Stores;

namespace Rx.IotLink.Tests.Stores.Sqlite;

/// <summary>Disks that are full or may not be written, and files that go away.</summary>
[TestFixture]
public sealed class SqliteDiskTests
{
    private const int Devices = 4;

    private TemporaryFolder folder = null!;

    [SetUp]
    public void SetUp() => folder = new();

    [TearDown]
    public void CleanUp() => folder.Dispose();

    [Test]
    public async Task A_disk_that_is_full_fails_whole_batches_and_the_store_goes_on_when_there_is_room()
    {
        var disk = folder["disk"];
        using var mount = Mount.Small(disk, kilobytes: 2_048);
        var ballast = Path.Combine(disk, "ballast");
        await File.WriteAllBytesAsync(ballast, new byte[900_000]);
        var reserve = Path.Combine(disk, "reserve");
        await File.WriteAllBytesAsync(reserve, new byte[100_000]);
        await using var store = SqliteSessionStore.Open(Path.Combine(disk, "fleet.db"));
        await BatchStream.WriteAsync(store, Devices, 5);
        var claim = (await store.ClaimAsync("pump-1")).Claim;
        await store.WriteAsync([new(claim, new(SessionRecordKind.Begin, Epoch: 1))]);

        var kept = await FillAsync(store, claim, 0);
        for (var again = 0; again < 3; again++)
            AssertFull(await Assert.ThrowsAsync<SessionStoreException>(async () => await store.WriteAsync(Lines(claim, kept))));
        Assert.That((await store.ReadLinesAsync(claim, 0, int.MaxValue)).Count, Is.EqualTo(kept));

        File.Delete(ballast);
        kept = await FillAsync(store, claim, kept);
        var read = await store.ReadLinesAsync(claim, 0, int.MaxValue);
        Assert.That(read.Select(line => line.Position), Is.EqualTo(Enumerable.Range(1, (int)kept)));
        // A claim is written, too.
        File.Delete(reserve);
        Assert.That(await BatchStream.CheckAsync(store, Devices), Is.EqualTo(5));
    }

    [Test]
    public void A_disk_that_is_full_has_no_room_for_a_new_store()
    {
        var disk = folder["disk"];
        using var mount = Mount.Small(disk, kilobytes: 256);
        File.WriteAllBytes(Path.Combine(disk, "ballast"), new byte[256 * 1024]);
        AssertFull(Assert.Throws<SessionStoreException>(() => SqliteSessionStore.Open(Path.Combine(disk, "fleet.db"))));
        File.Delete(Path.Combine(disk, "ballast"));
        using var store = SqliteSessionStore.Open(Path.Combine(disk, "fleet.db"));
    }

    [Test]
    public async Task A_file_that_has_all_the_bytes_it_may_have_fails_whole_batches_and_takes_lines_again_when_some_are_done_with()
    {
        await using var store = SqliteSessionStore.Open(new SqliteSessionStoreOptions { Path = folder["bounded.db"], MaxBytes = 1L << 20 });
        var claim = (await store.ClaimAsync("pump-1")).Claim;
        await store.WriteAsync([new(claim, new(SessionRecordKind.Begin, Epoch: 1))]);
        var kept = await FillAsync(store, claim, 0);
        Assert.That(kept, Is.InRange(800, 1_100), "lines of 900 bytes in 1 MiB");

        await store.WriteAsync([new(claim, new(SessionRecordKind.RemoveThrough, kept, (ulong)kept))]);
        var again = await FillAsync(store, claim, kept);
        Assert.That((await store.ReadLinesAsync(claim, 0, int.MaxValue)).Count, Is.EqualTo(again - kept).And.InRange(800, 1_100));
        await store.DisposeAsync();
        Assert.That(new FileInfo(folder["bounded.db"]).Length, Is.AtMost(1L << 20));
    }

    [Test]
    public async Task A_folder_that_may_not_be_written_is_said_to_be_so()
    {
        Directory.CreateDirectory(folder["disk"]);
        var file = Path.Combine(folder["disk"], "fleet.db");
        await using (var store = SqliteSessionStore.Open(file))
            await BatchStream.WriteAsync(store, Devices, 5);
        using (Mount.ReadOnly(folder["disk"]))
        {
            AssertReadOnly(() => SqliteSessionStore.Open(file));
            AssertReadOnly(() => SqliteSessionStore.Open(Path.Combine(folder["disk"], "new.db")));
        }

        await using var healed = SqliteSessionStore.Open(file);
        Assert.That(await BatchStream.CheckAsync(healed, Devices), Is.EqualTo(5));
    }

    [Test]
    public async Task A_file_that_may_not_be_written_is_said_to_be_so()
    {
        var file = folder["fleet.db"];
        await using (var store = SqliteSessionStore.Open(file))
            await BatchStream.WriteAsync(store, Devices, 5);
        using (Mount.ReadOnly(file))
            AssertReadOnly(() => SqliteSessionStore.Open(file));
        await using var healed = SqliteSessionStore.Open(file);
        Assert.That(await BatchStream.CheckAsync(healed, Devices), Is.EqualTo(5));
    }

    [Test]
    public async Task A_file_that_is_moved_away_fails_batches_until_it_is_back()
    {
        await using var store = SqliteSessionStore.Open(folder["fleet.db"]);
        await BatchStream.WriteAsync(store, Devices, 5);
        File.Move(folder["fleet.db"], folder["away.db"]);
        AssertMoved(await Assert.ThrowsAsync<SessionStoreException>(() => BatchStream.WriteAsync(store, Devices, 6)));
        await File.WriteAllTextAsync(folder["fleet.db"], "");
        AssertMoved(await Assert.ThrowsAsync<SessionStoreException>(() => BatchStream.WriteAsync(store, Devices, 6)));
        File.Move(folder["away.db"], folder["fleet.db"], overwrite: true);
        await BatchStream.WriteAsync(store, Devices, 6);
        Assert.That(await BatchStream.CheckAsync(store, Devices), Is.EqualTo(6));
    }

    [Test]
    public async Task A_file_that_is_deleted_in_use_fails_batches_and_is_not_begun_anew()
    {
        await using (var store = SqliteSessionStore.Open(folder["fleet.db"]))
        {
            await BatchStream.WriteAsync(store, Devices, 5);
            File.Delete(folder["fleet.db"]);
            for (var again = 0; again < 3; again++)
                AssertMoved(await Assert.ThrowsAsync<SessionStoreException>(() => BatchStream.WriteAsync(store, Devices, 6)));
        }

        Assert.That(File.Exists(folder["fleet.db"]), Is.False);
    }

    [Test]
    public async Task A_wal_file_that_is_deleted_in_use_is_written_back_from_what_is_still_open()
    {
        await using (var store = SqliteSessionStore.Open(folder["fleet.db"]))
        {
            await BatchStream.WriteAsync(store, Devices, 5);
            File.Delete(folder["fleet.db-wal"]);
            await BatchStream.WriteAsync(store, Devices, 6);
            File.Copy(folder["fleet.db"], folder["copy.db"]);
            File.Copy(folder["fleet.db-wal"], folder["copy.db-wal"]);
        }

        // As a process that was killed right then would have left it.
        await using var copy = SqliteSessionStore.Open(folder["copy.db"]);
        Assert.That(await BatchStream.CheckAsync(copy, Devices), Is.EqualTo(6));
    }

    [Test]
    public void A_folder_that_does_not_exist_is_named()
    {
        var refused = Assert.Throws<SessionStoreException>(() => SqliteSessionStore.Open(folder["no/fleet.db"]))!;
        Assert.That(refused.Fault, Is.EqualTo(SessionStoreFault.Unavailable));
        Assert.That(refused.Message, Is.EqualTo(
            $"The session store '{folder["no/fleet.db"]}' is in a folder that does not exist. Create the folder, or correct the path."));
        Assert.That(Assert.Throws<SessionStoreException>(() => SqliteSessionStore.Open(folder.ToString()))!.Message, Does.Contain("is a folder. Name a file."));
    }

    private static async Task<long> FillAsync(SqliteSessionStore store, SessionClaim claim, long from)
    {
        var kept = from;
        var full = await Assert.ThrowsAsync<SessionStoreException>(async () =>
        {
            for (; kept < 10_000; kept += 20)
                await store.WriteAsync(Lines(claim, kept));
        });
        AssertFull(full);
        return kept;
    }

    private static SessionWrite[] Lines(SessionClaim claim, long after) =>
        [.. Enumerable.Range(1, 20).Select(i => new SessionWrite(claim, new(SessionRecordKind.Add, after + i, Text: new string('x', 900))))];

    private static void AssertFull(SessionStoreException? e)
    {
        Assert.That(e?.Fault, Is.EqualTo(SessionStoreFault.Full), e?.Message);
        Assert.That(e!.Message, Does.EndWith("has no room to grow: the disk, a quota or MaxBytes is used up. Make room; the store goes on by itself then."));
    }

    private static void AssertReadOnly(Action open)
    {
        var e = Assert.Throws<SessionStoreException>(() => open())!;
        Assert.That(e.Fault, Is.EqualTo(SessionStoreFault.ReadOnly), e.Message);
        Assert.That(e.Message, Does.EndWith("may not be written. Make the file, its folder and its file system writable for this user."));
    }

    private static void AssertMoved(SessionStoreException? e)
    {
        Assert.That(e?.Fault, Is.EqualTo(SessionStoreFault.Unavailable), e?.Message);
        Assert.That(e!.Message, Does.EndWith("was deleted, moved or replaced while it was in use. Put the same file back, or start this process again."));
    }
}
