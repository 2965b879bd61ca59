using System.Globalization;
using Microsoft.Data.Sqlite;
using NUnit.Framework;
using Rx.IotLink.Sqlite;
using Rx.IotLink.Tests.House;

namespace Rx.IotLink.Tests.Stores.Sqlite;

/// <summary>
/// A file that the library wrote while its tables had version 1 (before lines had keys): version-1.db, which is never
/// made anew. It is brought up to date with all that it holds, or left as it is.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class SqliteVersion1Tests
{
    private const ulong Epoch = 0xfedcba9876543210;

    /// <summary>What that process had kept of pump-1: it had removed the lines up to 10, and 20.</summary>
    private static readonly StoredLine[] Lines =
    [
        .. Enumerable.Range(11, 30).Where(n => n != 20).Select(n => new StoredLine(n, string.Create(CultureInfo.InvariantCulture, $"old {n}"))),
        new(41, "日本語\0 with a NUL", new DateTimeOffset(2100, 1, 2, 3, 4, 5, TimeSpan.Zero).AddTicks(7)),
    ];

    private TemporaryFolder folder = null!;

    [SetUp]
    public void SetUp()
    {
        folder = new();
        File.Copy(Path.Combine(Repository.Root, "Rx.IotLink.Tests", "Stores", "Sqlite", "version-1.db"), folder["fleet.db"]);
    }

    [TearDown]
    public void CleanUp() => folder.Dispose();

    [Test]
    public async Task All_that_it_holds_is_there_after_it_was_brought_up_to_date()
    {
        Assert.That(Number("PRAGMA user_version"), Is.EqualTo(1));
        for (var opening = 0; opening < 2; opening++)
        {
            await using var store = SqliteSessionStore.Open(folder["fleet.db"]);
            var (one, memory) = await store.ClaimAsync("pump-1");
            Assert.That(memory, Is.EqualTo(new SessionMemory(Epoch, 11, PeerEpoch: 5, 77, Connections: 3, LastPosition: 41, 30, memory.WaitingBytes)));
            Assert.That(await store.ReadLinesAsync(one, 0, 100), Is.EqualTo(Lines));
            Assert.That(await store.ReadKeysAsync(one, 0), Is.Empty);
            var (two, second) = await store.ClaimAsync("pump-2");
            Assert.That((second.Epoch, second.LastPosition, second.Waiting), Is.EqualTo(((ulong?)null, 1, 1)));
            Assert.That(await store.ReadLinesAsync(two, 0, 100), Is.EqualTo(new[] { new StoredLine(1, "before any epoch") }));
            var (_, third) = await store.ClaimAsync("pump-3");
            Assert.That(third, Is.EqualTo(new SessionMemory(9, 1, PeerEpoch: ulong.MaxValue, long.MaxValue, 0, 0, 0, 0)));
        }

        Assert.That(Number("PRAGMA user_version"), Is.EqualTo(5));
    }

    [Test]
    public async Task Lines_with_keys_are_kept_behind_the_old_ones()
    {
        StoredLine keyed = new(42, "new", Expires: null, Key: "t");
        await using (var store = SqliteSessionStore.Open(folder["fleet.db"]))
        {
            var (claim, _) = await store.ClaimAsync("pump-1");
            await store.WriteAsync([new(claim, new(SessionRecordKind.Add, 42, Text: "new", Key: "t")), new(claim, new(SessionRecordKind.RemoveThrough, 13, Number: 13))]);
        }

        await using var again = SqliteSessionStore.Open(folder["fleet.db"]);
        var (later, memory) = await again.ClaimAsync("pump-1");
        Assert.That((memory.First, memory.LastPosition, memory.Waiting), Is.EqualTo((14UL, 42, 28)));
        Assert.That(await again.ReadLinesAsync(later, 0, 100), Is.EqualTo(Lines.Skip(3).Append(keyed)));
        Assert.That(await again.ReadKeysAsync(later, 0), Is.EqualTo(new[] { new StoredKey("t", 42, 3) }));
    }

    /// <summary>What the old process left is delivered, with its numbers, ahead of what is written now.</summary>
    [Test]
    public async Task A_link_goes_on_with_it()
    {
        await using var store = SqliteSessionStore.Open(folder["fleet.db"]);
        await using var server = await Rx.IotLink.Server.IotLinkServer.StartAsync(new() { Port = 0, Bind = System.Net.IPAddress.Loopback });
        await using var client = await IotLinkClient.OpenAsync(new IotLinkClientOptions { Host = "127.0.0.1", Port = server.EndPoint.Port, Id = "pump-2", SessionStore = store });
        var link = await server.WaitForAsync("pump-2").WaitAsync(TimeSpan.FromSeconds(30));
        _ = client.WriteAsync("after it");

        Assert.That(await link.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)), Is.EqualTo("before any epoch"));
        Assert.That(await link.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)), Is.EqualTo("after it"));
    }

    [Test]
    public void One_that_is_damaged_is_left_at_its_version()
    {
        Execute("UPDATE lines SET text = 'forged' WHERE position = 30");
        var before = File.ReadAllBytes(folder["fleet.db"]);

        var refused = Assert.Throws<SessionStoreException>(() => SqliteSessionStore.Open(folder["fleet.db"]).Dispose())!;

        Assert.That(refused.Message, Does.Contain("the line of session 1 at position 30 is not as it was written. It is left as it is."));
        Assert.That(File.ReadAllBytes(folder["fleet.db"]), Is.EqualTo(before));
    }

    private long Number(string sql) => (long)Execute(sql)!;

    private object? Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={folder["fleet.db"]};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The test's own text.
        command.CommandText = sql;
#pragma warning restore CA2100
        return command.ExecuteScalar();
    }
}
