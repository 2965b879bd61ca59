using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Data.Sqlite;
using NUnit.Framework;
using Rx.IotLink.Sqlite;
using Rx.IotLink.Sqlite.Database;

namespace Rx.IotLink.Tests.Stores.Sqlite;

/// <summary>
/// Rows that another program wrote, with checksums that are right: what no library would write is refused all the same,
/// when the file is opened and, if that does not look, when the row is read.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class SqliteForeignRowTests
{
    private const string Id = "pump-1";
    private const long Epoch = 7;

    private TemporaryFolder folder = null!;

    [SetUp]
    public async Task SetUp()
    {
        folder = new();
        await using var store = SqliteSessionStore.Open(folder["fleet.db"]);
        var (claim, _) = await store.ClaimAsync(Id);
        await store.WriteAsync([
            new(claim, new(SessionRecordKind.Begin, Epoch: Epoch)),
            new(claim, new(SessionRecordKind.Add, 1, Text: "one")), new(claim, new(SessionRecordKind.Add, 2, Text: "two"))]);
    }

    [TearDown]
    public void CleanUp() => folder.Dispose();

    private static IEnumerable<TestCaseData> Lines()
    {
        yield return Line("LF", "a\n\u001b[2Jb"u8, 2, @"the line at position 2 of 'pump-1' ('a\n\u{1b}[2Jb'): A line must not hold a line feed (one is at index 1)");
        yield return Line("no UTF-8", [0x61, 0xFF], 2, "the line at position 2 of 'pump-1' has a text that is not UTF-8 ('a\ufffd')");
        yield return Line("half a surrogate", [0xED, 0xA0, 0xBD], 2, "the line at position 2 of 'pump-1' has a text that is not UTF-8");
        yield return Line("too long", new byte[1_048_577], 2, "A line must have at most 1048576 bytes of UTF-8 (MaxLineBytes); this one has 1048577.");
        yield return Line("negative", "two"u8, -2, "the line at position -2 of 'pump-1' comes after position 0");
        yield return Line("zero", "two"u8, 0, "the line at position 0 of 'pump-1' comes after position 0");
        yield return Line("beyond", "two"u8, 3, "the line at position 3 of 'pump-1' is beyond the last one that was written, 2");
        yield return Line("expires", "two"u8, 2, "the line at position 2 of 'pump-1' expires at 9223372036854775807, which is no time", expires: long.MaxValue);
        yield return Line("long ago", "two"u8, 2, "expires at -9223372036854775808, which is no time", expires: long.MinValue);
        yield return Line("empty key", "two"u8, 2, "has a key ('') that is empty", key: []);
        yield return Line("long key", "two"u8, 2, "that has 129 bytes of UTF-8, the limit is 128", key: Encoding.UTF8.GetBytes(new string('k', 129)));
        yield return Line("key that is not UTF-8", "two"u8, 2, "has a key that is not UTF-8", key: [0xFF]);

        static TestCaseData Line(string name, ReadOnlySpan<byte> text, long position, string rule, long? expires = null, byte[]? key = null) =>
            new TestCaseData(text.ToArray(), position, expires, key, rule).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Lines))]
    public async Task A_line_that_no_library_would_write_is_refused(byte[] text, long position, long? expires, byte[]? key, string rule)
    {
        Execute(
            "UPDATE lines SET position = $position, text = CAST($text AS TEXT), expires = $expires, key = CAST($key AS TEXT), checksum = $sum WHERE position = 2",
            ("$position", position), ("$text", text), ("$expires", expires), ("$key", key), ("$sum", Checksum.OfLine(1, position, text, expires, key)));
        Refused(rule);

        await using var store = SqliteSessionStore.Open(new SqliteSessionStoreOptions { Path = folder["fleet.db"], CheckAtOpen = false });
        // What is not behind position 0 is not read: the link misses it.
        if (position > 0)
            AssertNames((await Assert.ThrowsAsync<SessionStoreException>(async () => await store.ReadLinesAsync((await store.ClaimAsync(Id)).Claim, 0, 10)))!, rule);
        await Assert.ThrowsAsync<SessionStoreException>(async () => await IotLinkClient.OpenAsync(new IotLinkClientOptions { Host = "h", Id = Id, SessionStore = store }));
    }

    [TestCase(0, 2, "pump-1", "has the first number 0 and the last position 2, which never were")]
    [TestCase(1, -1, "pump-1", "has the first number 1 and the last position -1, which never were")]
    [TestCase(1, 1, "pump-1", "is beyond the last one that was written, 1")]
    [TestCase(1, 2, "", "the id of session 1 ('') is empty, or is not UTF-8")]
    public void A_session_that_no_library_would_write_is_refused(long first, long last, string id, string rule)
    {
        var sum = new Checksum();
        sum.Add(1L);
        sum.Add(Encoding.UTF8.GetBytes(id));
        sum.Add(5L);
        sum.Add((ulong?)Epoch);
        sum.Add((ulong)first);
        sum.Add((ulong?)null);
        sum.Add(0UL);
        sum.Add(0UL);
        sum.Add(last);
        Execute("UPDATE sessions SET id = $id, token = 5, first = $first, last_position = $last, checksum = $sum", ("$id", id), ("$first", first), ("$last", last), ("$sum", sum.Value));
        Refused(rule);
    }

    [TestCase("UPDATE lines SET text = 'three' WHERE position = 2", "the line of session 1 at position 2 is not as it was written")]
    [TestCase("UPDATE lines SET position = 3 WHERE position = 2", "the line of session 1 at position 3 is not as it was written")]
    [TestCase("INSERT INTO lines VALUES (1, 3, 'three', NULL, 0, NULL)", "the line of session 1 at position 3 is not as it was written")]
    [TestCase("INSERT INTO lines VALUES (9, 1, 'one', NULL, 0, NULL)", "the line of session 9 at position 1 is not as it was written")]
    [TestCase("UPDATE sessions SET first = 5", "the row of session 1 is not as it was written")]
    [TestCase("UPDATE sessions SET token = token + 1", "the row of session 1 is not as it was written")]
    [TestCase("UPDATE store SET openings = -1", "it was opened -1 times, as it says, and that must be 0 to 8388606")]
    [TestCase("UPDATE store SET openings = 9223372036854775807", "it was opened 9223372036854775807 times, as it says")]
    [TestCase("DELETE FROM store", "it was opened -1 times, as it says")]
    [TestCase("CREATE TRIGGER \"t\\\" AFTER INSERT ON lines BEGIN DELETE FROM lines; END", @"has a trigger ('t\\') that this library did not make")]
    [TestCase("DROP INDEX keyed_lines", "does not have the tables of a session store (SQLite 1: no such index: keyed_lines)")]
    [TestCase("DROP TABLE lines", "does not have the tables of a session store (")]
    public async Task What_sqlite3_wrote_is_refused(string sql, string rule)
    {
        await Sqlite3Async(sql);
        Refused(rule);
    }

    /// <summary>The rows of other devices are used as if nothing had happened.</summary>
    [Test]
    public async Task A_line_that_sqlite3_changes_while_the_store_is_in_use_stops_its_device_alone_until_it_is_as_before()
    {
        await using var store = SqliteSessionStore.Open(folder["fleet.db"]);
        var claim = (await store.ClaimAsync(Id)).Claim;
        await Sqlite3Async("UPDATE lines SET text = 'three' WHERE position = 2");
        AssertNames((await Assert.ThrowsAsync<SessionStoreException>(async () => await store.ReadLinesAsync(claim, 0, 10)))!, "position 2 is not as it was written");
        await store.WriteAsync([new((await store.ClaimAsync("pump-2")).Claim, new(SessionRecordKind.Add, 1, Text: "else"))]);
        await Sqlite3Async("UPDATE lines SET text = 'two' WHERE position = 2");
        Assert.That((await store.ReadLinesAsync(claim, 0, 10)).Select(line => line.Text), Is.EqualTo(["one", "two"]));
    }

    private void Refused(string rule)
    {
        var before = File.ReadAllBytes(folder["fleet.db"]);
        AssertNames(Assert.Throws<SessionStoreException>(() => SqliteSessionStore.Open(folder["fleet.db"]).Dispose())!, rule);
        Assert.That(File.ReadAllBytes(folder["fleet.db"]), Is.EqualTo(before), "it is left as it is");
    }

    private void AssertNames(SessionStoreException thrown, string rule)
    {
        Assert.That(thrown.Fault, Is.EqualTo(SessionStoreFault.Damaged));
        Assert.That(thrown.Message, Does.StartWith($"The session store '{folder["fleet.db"]}' ").And.Contain(rule));
        Assert.That(thrown.Message, Does.EndWith(". It is left as it is. Restore a backup, or move the file away to begin anew."));
        Assert.That(thrown.Message.Any(char.IsControl), Is.False);
    }

    private void Execute(string sql, params (string Name, object? Value)[] values)
    {
        using var connection = new SqliteConnection($"Data Source={folder["fleet.db"]};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in values)
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        Assert.That(command.ExecuteNonQuery(), Is.EqualTo(1), string.Create(CultureInfo.InvariantCulture, $"rows changed by {sql}"));
    }

    /// <summary>The program itself, where there is one.</summary>
    private async Task Sqlite3Async(string sql)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("sqlite3", [folder["fleet.db"], sql]) { RedirectStandardError = true, UseShellExecute = false })!;
            var said = await process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.That((process.ExitCode, said), Is.EqualTo((0, "")));
        }
        catch (System.ComponentModel.Win32Exception)
        {
            await using var connection = new SqliteConnection($"Data Source={folder["fleet.db"]};Pooling=False");
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The test's own text.
            command.CommandText = sql;
#pragma warning restore CA2100
            await command.ExecuteNonQueryAsync();
        }
    }
}
