using System.Globalization;
using Microsoft.Data.Sqlite;
using NUnit.Framework;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.Cli;

/// <summary>Files and disks that the commands cannot use: each says why in a sentence, and loses nothing.</summary>
[TestFixture]
internal sealed class StoreFaultTests
{
    private TemporaryFolder folder = null!;

    [SetUp]
    public void MakeFolder() => folder = new();

    [TearDown]
    public void RemoveFolder() => folder.Dispose();

    [TestCase("text", "is not a SQLite database, or its first page is damaged. It is left as it is.")]
    [TestCase("random bytes", "is not a SQLite database, or its first page is damaged. It is left as it is.")]
    [TestCase("bytes in the middle", "is damaged")]
    [TestCase("truncated", "is damaged")]
    [TestCase("another database", "is the database of another program (application id 0). It is left as it is.")]
    [TestCase("another version", "has version 99 of the tables, and this library knows up to")]
    [TestCase("a line that was changed", "is damaged: the line of session 1 at position 7 is not as it was written. It is left as it is.")]
    [TestCase("a line that was put in", @"is damaged: the line at position 501 of 'pump-1' ('forged\nline'): A line must not hold a line feed (one is at index 6): it would forge a second line. It is left as it is.")]
    [TestCase("a trigger", "has a trigger ('thief') that this library did not make. It is left as it is.")]
    [TestCase("folder", "is a folder. Name a file.")]
    [TestCase("no folder", "is in a folder that does not exist. Create the folder, or correct the path.")]
    public async Task What_something_else_wrote_is_refused_in_one_sentence_and_left_as_it_is(string what, string sentence)
    {
        var path = await MakeAsync(what);
        var before = File.Exists(path) ? await File.ReadAllBytesAsync(path) : [];
        foreach (var command in (string[][])[["serve", "--port", "0"], ["connect", "127.0.0.1:1", "--id", "pump-1"]])
        {
            await using var process = IotLinkProcess.Start([.. command, "--store", path]);
            process.EndInput();
            Assert.That(await process.ExitAsync(), Is.EqualTo(2), command[0]);
            var said = await IotLinkProcess.AllAsync(process.Events);
            // On a busy machine it may also say that the file is being opened.
            Assert.That(said.Single(line => !line.StartsWith("opening", StringComparison.Ordinal)), Does.StartWith($"iotlink: --store: The session store '{path}' ").And.Contain(sentence).And.Match(@"[a-z0-9)]\. [A-Z][^.]*\.$"));
        }

        Assert.That(File.Exists(path) ? await File.ReadAllBytesAsync(path) : [], Is.EqualTo(before));
    }

    [Test]
    public async Task A_file_or_a_folder_that_may_not_be_written_is_said_to_be_so([Values] bool isFolder)
    {
        Directory.CreateDirectory(folder["disk"]);
        var path = Path.Combine(folder["disk"], "fleet.db");
        await using (var store = Rx.IotLink.Sqlite.SqliteSessionStore.Open(path))
            await store.ClaimAsync("pump-1");
        using var mount = Mount.ReadOnly(isFolder ? folder["disk"] : path);
        await using var process = IotLinkProcess.Start("serve", "--port", "0", "--store", path);
        Assert.That(await process.ExitAsync(), Is.EqualTo(2));
        Assert.That((await IotLinkProcess.AllAsync(process.Events)).Single(), Is.EqualTo(
            $"iotlink: --store: The session store '{path}' may not be written. Make the file, its folder and its file system writable for this user."));
    }

    /// <summary>The disk of each end is full in turn, for real.</summary>
    [Test]
    public async Task On_a_disk_that_is_full_each_command_says_so_and_goes_on_when_there_is_room_and_nothing_is_lost_or_twice()
    {
        const int Count = 3_000;
        using var atServer = Mount.Small(folder["server"], kilobytes: 3_072);
        using var atClient = Mount.Small(folder["client"], kilobytes: 3_072);
        var port = FreePort.Get();
        await using var server = IotLinkProcess.Start("serve", "--bind", "127.0.0.1", "--port", port.Text(), "--store", Path.Combine(folder["server"], "fleet.db"));
        await server.EventAsync("listening");
        await using var client = IotLinkProcess.Connect(port, "pump-1", "--stay", "--store", Path.Combine(folder["client"], "outbox.db"));
        await client.EventAsync("up (");

        Fill(folder["client"]);
        // It reads no more than may be on their way.
        var writing = client.WriteAsync(Lines(1, Count / 2));
        await client.EventAsync("StoreFailed");
        File.Delete(Path.Combine(folder["client"], "ballast"));
        await client.EventAsync("StoreWorks");
        await writing.WaitAsync(IotLinkProcess.Bound);
        await server.OutputAsync(Count / 2);

        Fill(folder["server"]);
        writing = client.WriteAsync(Lines((Count / 2) + 1, Count));
        await server.EventAsync("StoreFailed");
        File.Delete(Path.Combine(folder["server"], "ballast"));
        await server.EventAsync("StoreWorks");
        await writing.WaitAsync(IotLinkProcess.Bound);
        await server.OutputAsync(Count);

        client.Signal();
        Assert.That(await client.ExitAsync(), Is.Zero, "all is acknowledged");
        server.Signal();
        await server.ExitAsync();
        Assert.That(await IotLinkProcess.AllAsync(server.Output), Is.EqualTo(Enumerable.Range(1, Count).Select(n => $"pump-1\t{Line(n)}")));
    }

    /// <summary>Another program changes a line in the file of a command that runs, and puts it right again.</summary>
    [Test]
    public async Task A_line_that_another_program_changes_meanwhile_is_not_sent_until_it_is_as_before()
    {
        const int Count = 3_000;
        const int Changed = 2_000;
        var path = folder["outbox.db"];
        var port = FreePort.Get();
        await using var client = IotLinkProcess.Connect(port, "pump-1", "--stay", "--store", path);
        await client.WriteAsync(Lines(1, Count));
        await WaitForAsync(path, Count);
        await ExecuteAsync(path, $"UPDATE lines SET text = text || char(10) || 'x' WHERE position = {Changed.Text()}");
        await using var server = IotLinkProcess.Start("serve", "--bind", "127.0.0.1", "--port", port.Text());

        Assert.That(await client.EventAsync("StoreFailed"), Does.Contain($"SessionStoreException: The session store '{path}' is damaged: the line of session 1 at position 2000 is not as it was written. It is left as it is."));
        await ExecuteAsync(path, $"UPDATE lines SET text = substr(text, 1, length(text) - 2) WHERE position = {Changed.Text()}");
        await client.EventAsync("StoreWorks");
        Assert.That(await server.OutputAsync(Count), Is.EqualTo(Enumerable.Range(1, Count).Select(n => $"pump-1\t{Line(n)}")));
        client.Signal();
        Assert.That(await client.ExitAsync(), Is.Zero);
    }

    /// <summary>Waits until so many lines are in the file.</summary>
    private static async Task WaitForAsync(string path, int lines)
    {
        using var bound = new CancellationTokenSource(IotLinkProcess.Bound);
        await using var connection = new SqliteConnection($"Data Source={path};Pooling=False;Mode=ReadOnly");
        while (true)
        {
            bound.Token.ThrowIfCancellationRequested();
            try
            {
                await connection.OpenAsync(bound.Token);
                await using var command = connection.CreateCommand();
                command.CommandText = "SELECT count(*) FROM lines";
                if ((long)(await command.ExecuteScalarAsync(bound.Token))! == lines)
                    return;
            }
            catch (SqliteException)
            {
                // It has no tables yet.
            }

            await Task.Yield();
        }
    }

    private static string Line(int number) => string.Create(CultureInfo.InvariantCulture, $"{number} {new string('x', 200)}");

    private static string Lines(int first, int last) => string.Concat(Enumerable.Range(first, last - first + 1).Select(n => Line(n) + "\n"));

    /// <summary>Leaves no page free.</summary>
    private static void Fill(string disk)
    {
        using var ballast = new FileStream(Path.Combine(disk, "ballast"), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            while (true)
                ballast.Write(new byte[4_096]);
        }
        catch (IOException)
        {
            // It is full.
        }
    }

    private async Task<string> MakeAsync(string what)
    {
        var path = folder["store.db"];
        switch (what)
        {
            case "text":
                await File.WriteAllTextAsync(path, "somebody's notes\n");
                break;
            case "random bytes":
                var bytes = new byte[20_000];
                new Random(1).NextBytes(bytes);
                await File.WriteAllBytesAsync(path, bytes);
                break;
            case "bytes in the middle" or "truncated":
                await WriteStoreAsync(path);
                await using (var file = new FileStream(path, FileMode.Open))
                {
                    if (what == "truncated")
                    {
                        file.SetLength(file.Length / 2);
                    }
                    else
                    {
                        file.Position = file.Length / 2;
                        file.Write("something else wrote this here"u8);
                    }
                }

                break;
            case "another database":
                await ExecuteAsync(path, "CREATE TABLE notes (text TEXT)");
                break;
            case "another version":
                await WriteStoreAsync(path);
                await ExecuteAsync(path, "PRAGMA user_version = 99");
                break;
            case "a line that was changed":
                await WriteStoreAsync(path);
                await ExecuteAsync(path, "UPDATE lines SET text = 'y' || char(10) || 'z' WHERE position = 7");
                break;
            case "a line that was put in":
                await WriteStoreAsync(path, last: 501);
                var sum = Rx.IotLink.Sqlite.Database.Checksum.OfLine(1, 501, "forged\nline"u8, expires: null, key: null);
                await ExecuteAsync(path, string.Create(CultureInfo.InvariantCulture, $"UPDATE lines SET text = 'forged' || char(10) || 'line', checksum = {sum} WHERE position = 501"));
                break;
            case "a trigger":
                await WriteStoreAsync(path);
                await ExecuteAsync(path, "CREATE TRIGGER thief AFTER INSERT ON lines BEGIN DELETE FROM lines WHERE position < new.position; END");
                break;
            case "folder":
                Directory.CreateDirectory(path);
                break;
            case "no folder":
                return folder["no/store.db"];
        }

        return path;
    }

    private static async Task WriteStoreAsync(string path, int last = 500)
    {
        await using var store = Rx.IotLink.Sqlite.SqliteSessionStore.Open(path);
        var claim = (await store.ClaimAsync("pump-1")).Claim;
        await store.WriteAsync([new(claim, new(SessionRecordKind.Begin, Epoch: 1))]);
        await store.WriteAsync([.. Enumerable.Range(1, last).Select(n => new SessionWrite(claim, new(SessionRecordKind.Add, n, Text: new string('x', 200))))]);
    }

    private static async Task ExecuteAsync(string path, string sql)
    {
        await using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }
}
