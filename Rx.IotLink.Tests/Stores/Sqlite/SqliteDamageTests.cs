using System.Globalization;
using System.Text;
using Microsoft.Data.Sqlite;
using NUnit.Framework;
using Rx.IotLink.Sqlite;
using Stores;

namespace Rx.IotLink.Tests.Stores.Sqlite;

/// <summary>
/// Files that are torn, flipped, of somebody else or of another version: refused and left as they are, or whole.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class SqliteDamageTests
{
    private const int Devices = 8;
    private const int Batches = 30;

    private TemporaryFolder folder = null!;
    private byte[] database = [];
    private byte[] wal = [];

    [OneTimeSetUp]
    public async Task WriteAsync()
    {
        using var made = new TemporaryFolder();
        await using (var store = SqliteSessionStore.Open(made["fleet.db"]))
        {
            await BatchStream.WriteAsync(store, Devices, Batches);
            // As a process leaves it that is killed here.
            (database, wal) = (await ReadAsync(made["fleet.db"]), await ReadAsync(made["fleet.db-wal"]));
        }

        Assert.That(wal, Has.Length.GreaterThan(Batches * 4096));
    }

    [SetUp]
    public void SetUp() => folder = new();

    [TearDown]
    public void CleanUp() => folder.Dispose();

    [Test]
    public async Task A_torn_tail_of_the_wal_file_loses_its_last_batches_wholly_and_nothing_else()
    {
        var random = new Random(1);
        var last = 0L;
        int[] lengths = [.. Enumerable.Range(0, 150).Select(_ => random.Next(wal.Length)), wal.Length - 1, wal.Length, 0, 1, 31, 32, 33];
        foreach (var length in lengths.Order())
        {
            var kept = await OpenAsync(database, wal[..length]);
            Assert.That(kept, Is.AtLeast(last), $"of {length} bytes");
            last = kept;
        }

        Assert.That(last, Is.EqualTo(Batches));
    }

    [Test]
    public async Task A_flipped_byte_of_the_wal_file_loses_the_batches_from_there_on_wholly_and_nothing_else()
    {
        var random = new Random(1);
        var last = 0L;
        foreach (var at in Enumerable.Range(0, 150).Select(_ => random.Next(32, wal.Length)).Order())
        {
            var kept = await OpenAsync(database, Flipped(wal, at, random));
            Assert.That(kept, Is.AtLeast(last), $"at byte {at}");
            last = kept;
        }
    }

    /// <summary>
    /// Each place in it: SQLite finds what is wrong with its pages, and the checksums of the rows the rest.
    /// </summary>
    [Test]
    public async Task A_flipped_byte_of_the_database_is_found_when_it_is_opened_or_harms_nothing()
    {
        var whole = await ClosedAsync();
        var random = new Random(1);
        var faults = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var at in Enumerable.Range(0, 100).Concat(Enumerable.Range(0, 900).Select(_ => random.Next(whole.Length))))
        {
            var flipped = Flipped(whole, at, random);
            var outcome = "right";
            try
            {
                Assert.That(await OpenAsync(flipped, []), Is.EqualTo(Batches), $"at byte {at}");
            }
            catch (SessionStoreException e)
            {
                outcome = $"{e.Fault}";
                Assert.That(e.Fault, Is.AnyOf(SessionStoreFault.Damaged, SessionStoreFault.NewerVersion), $"at byte {at}: {e.Message}");
                Assert.That(await File.ReadAllBytesAsync(folder["fleet.db"]), Is.EqualTo(flipped), $"at byte {at}: left as it is");
            }

            faults[outcome] = faults.GetValueOrDefault(outcome) + 1;
        }

        await TestContext.Out.WriteLineAsync(string.Join(", ", faults.Select(fault => $"{fault.Key}: {fault.Value}")));
        Assert.That(faults["Damaged"], Is.AtLeast(100));
    }

    [Test]
    public async Task A_flipped_byte_that_nobody_looked_for_is_never_an_exception_of_another_kind()
    {
        var whole = await ClosedAsync();
        var random = new Random(2);
        foreach (var at in Enumerable.Range(0, 100).Concat(Enumerable.Range(0, 900).Select(_ => random.Next(whole.Length))))
        {
            await PutAsync(Flipped(whole, at, random), []);
            try
            {
                await using var store = SqliteSessionStore.Open(new SqliteSessionStoreOptions { Path = folder["fleet.db"], CheckAtOpen = false });
                for (var device = 1; device <= Devices; device++)
                {
                    var (claim, memory) = await store.ClaimAsync(string.Create(CultureInfo.InvariantCulture, $"device-{device}"));
                    var lines = await store.ReadLinesAsync(claim, 0, 100);
                    Assert.That(lines.Select(line => line.Text), Is.SubsetOf(Enumerable.Range(1, Batches).Select(i => $"device-{device}: {i}")));
                    Assert.That(memory.Accepted, Is.EqualTo(Batches).Or.EqualTo(SessionMemory.Empty.Accepted), $"at byte {at}: an index that is wrong does not find the device");
                    await store.WriteAsync([new(claim, new(SessionRecordKind.Add, 1_000, Text: "more"))]);
                }
            }
            catch (SessionStoreException e)
            {
                Assert.That(e.Fault, Is.AnyOf(SessionStoreFault.Damaged, SessionStoreFault.NewerVersion), $"at byte {at}: {e.Message}");
            }
        }
    }

    [Test]
    public async Task A_truncated_database_is_refused_unless_nothing_was_in_the_part_that_is_lost()
    {
        var whole = await ClosedAsync();
        foreach (var length in new[] { 1, 15, 16, 99, 100, 511, 512, 4_095, 4_096, 8_192, whole.Length / 2 })
            await RefusedAsync(whole[..length], SessionStoreFault.Damaged, "");
        for (var length = whole.Length / 2; length < whole.Length; length += 1_111)
        {
            try
            {
                Assert.That(await OpenAsync(whole[..length], []), Is.EqualTo(Batches), $"of {length} bytes");
            }
            catch (SessionStoreException e)
            {
                Assert.That(e.Fault, Is.EqualTo(SessionStoreFault.Damaged), $"of {length} bytes: {e.Message}");
            }
        }
    }

    [Test]
    public async Task A_database_that_is_gone_or_empty_beside_its_wal_file_is_not_begun_anew()
    {
        await PutAsync([], wal);
        Assert.That(Refused().Message, Does.Contain("is empty, but the -wal file that belongs to it holds data."));
        File.Delete(folder["fleet.db"]);
        Assert.That(Refused().Message, Does.Contain("is gone, but the -wal file that belongs to it holds data."));
        Assert.That(await File.ReadAllBytesAsync(folder["fleet.db-wal"]), Is.EqualTo(wal));
        await File.WriteAllBytesAsync(folder["fleet.db"], database);
        await using var store = SqliteSessionStore.Open(folder["fleet.db"]);
        Assert.That(await BatchStream.CheckAsync(store, Devices), Is.EqualTo(Batches));
    }

    [Test]
    public async Task What_something_else_wrote_is_refused_and_left_as_it_is()
    {
        var random = new Random(3);
        foreach (var length in new[] { 1, 50, 100, 512, 5_000, 100_000 })
        {
            var bytes = new byte[length];
            random.NextBytes(bytes);
            await RefusedAsync(bytes, SessionStoreFault.Damaged, "is not a SQLite database, or its first page is damaged.");
        }

        await RefusedAsync("pump-1,21.5\npump-2,22.0\n"u8.ToArray(), SessionStoreFault.Damaged, "is not a SQLite database, or its first page is damaged.");
        await RefusedAsync(Of("CREATE TABLE readings (celsius REAL)"), SessionStoreFault.Damaged, "is the database of another program (application id 0).");
        await RefusedAsync(Of("PRAGMA application_id = 77"), SessionStoreFault.Damaged, "is the database of another program (application id 77).");
        await RefusedAsync(Of("PRAGMA user_version = 1"), SessionStoreFault.Damaged, "is the database of another program (application id 0).");
        await RefusedAsync(Of("PRAGMA application_id = 1232030827; PRAGMA user_version = 1"), SessionStoreFault.Damaged, "does not have the tables of a session store (");
        await RefusedAsync(Of("PRAGMA application_id = 1232030827"), SessionStoreFault.Damaged, "has version 0 of the tables, which never was.");
        await RefusedAsync(Of("PRAGMA application_id = 1232030827; PRAGMA user_version = -1"), SessionStoreFault.Damaged, "has version -1 of the tables, which never was.");
    }

    [Test]
    public async Task A_file_of_a_newer_version_is_refused_in_a_sentence()
    {
        var newer = Of("PRAGMA application_id = 1232030827; PRAGMA user_version = 6; CREATE TABLE whatever (it INTEGER)");
        await RefusedAsync(newer, SessionStoreFault.NewerVersion, "has version 6 of the tables, and this library knows up to 5. Use the newer library that wrote it.");
    }

    /// <summary>The script is never changed: whatever the tables become, files of this version are out there.</summary>
    [Test]
    public async Task A_file_of_version_1_is_read()
    {
        await using (var connection = new SqliteConnection($"Data Source={folder["fleet.db"]};Pooling=False"))
        {
            await connection.OpenAsync();
            await using var script = connection.CreateCommand();
            script.CommandText = """
                PRAGMA application_id = 1232030827;
                CREATE TABLE store (only INTEGER PRIMARY KEY CHECK (only = 1), openings INTEGER NOT NULL) STRICT;
                INSERT INTO store VALUES (1, 3);
                CREATE TABLE sessions (
                    session INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, token INTEGER NOT NULL, epoch INTEGER, first INTEGER NOT NULL, peer_epoch INTEGER,
                    accepted INTEGER NOT NULL, connections INTEGER NOT NULL, last_position INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT;
                CREATE TABLE lines (
                    session INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE, position INTEGER NOT NULL, text TEXT NOT NULL, expires INTEGER,
                    checksum INTEGER NOT NULL, PRIMARY KEY (session, position)) STRICT, WITHOUT ROWID;
                INSERT INTO sessions VALUES (7, 'pump-1', 3298534883329, -2, 5, NULL, 0, 9, 12, 994524208);
                INSERT INTO lines VALUES (7, 12, 'an old line', 17962872000000001, 2182375939);
                PRAGMA user_version = 1;
                PRAGMA journal_mode = WAL;
                """;
            await script.ExecuteNonQueryAsync();
        }

        await using var store = SqliteSessionStore.Open(folder["fleet.db"]);
        var (claim, memory) = await store.ClaimAsync("pump-1");
        Assert.That(memory, Is.EqualTo(new SessionMemory(ulong.MaxValue - 1, 5, PeerEpoch: null, 0, 9, 12, Waiting: 1, WaitingBytes: 11)));
        Assert.That(await store.ReadLinesAsync(claim, 0, 10), Is.EqualTo([new StoredLine(12, "an old line", DateTimeOffset.UnixEpoch.AddTicks(17_962_872_000_000_001))]));
        Assert.That(claim.Token, Is.GreaterThan(3_298_534_883_329));
    }

    [Test]
    public void A_path_is_never_printed_raw()
    {
        var path = Path.Combine(folder["no"], "\u001b[31m\n\u202Edb");
        Assert.That(Assert.Throws<SessionStoreException>(() => SqliteSessionStore.Open(path))!.Message, Does.Contain(@"/no/\u{1b}[31m\n\u{202e}db' is in a folder"));
    }

    private static byte[] Flipped(byte[] of, int at, Random random)
    {
        var flipped = of.ToArray();
        flipped[at] ^= (byte)random.Next(1, 256);
        return flipped;
    }

    /// <summary>The same lines after the store was closed.</summary>
    private async Task<byte[]> ClosedAsync()
    {
        Assert.That(await OpenAsync(database, wal), Is.EqualTo(Batches));
        return await ReadAsync(folder["fleet.db"]);
    }

    private async Task<long> OpenAsync(byte[] content, byte[] log)
    {
        await PutAsync(content, log);
        await using var store = SqliteSessionStore.Open(folder["fleet.db"]);
        return await BatchStream.CheckAsync(store, Devices);
    }

    private async Task PutAsync(byte[] content, byte[] log)
    {
        foreach (var beside in new[] { "-wal", "-shm", "-journal" })
            File.Delete(folder["fleet.db" + beside]);
        await File.WriteAllBytesAsync(folder["fleet.db"], content);
        if (log.Length > 0)
            await File.WriteAllBytesAsync(folder["fleet.db-wal"], log);
    }

    private async Task RefusedAsync(byte[] content, SessionStoreFault fault, string message)
    {
        await PutAsync(content, []);
        var refused = Refused();
        Assert.That((refused.Fault, refused.Store), Is.EqualTo((fault, $"'{folder["fleet.db"]}'")), refused.Message);
        Assert.That(refused.Message, Does.Contain(message).And.StartsWith($"The session store '{folder["fleet.db"]}' "));
        Assert.That(await File.ReadAllBytesAsync(folder["fleet.db"]), Is.EqualTo(content), "it is left as it is");
    }

    private SessionStoreException Refused() => Assert.Throws<SessionStoreException>(() => SqliteSessionStore.Open(folder["fleet.db"]).Dispose())!;

    private byte[] Of(string script)
    {
        File.Delete(folder["other.db"]);
        using (var connection = new SqliteConnection($"Data Source={folder["other.db"]};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = script;
            command.ExecuteNonQuery();
        }

        return File.ReadAllBytes(folder["other.db"]);
    }

    private static async Task<byte[]> ReadAsync(string file)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[stream.Length];
        await stream.ReadExactlyAsync(bytes);
        return bytes;
    }
}
