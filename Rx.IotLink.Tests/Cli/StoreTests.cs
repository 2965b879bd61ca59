using System.Globalization;
using System.Reactive.Linq;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using NUnit.Framework;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.Cli;

/// <summary>What the commands keep in a file outlives them, whatever ends them.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class StoreTests
{
    private const int Count = 20_000;

    private TemporaryFolder folder = null!;

    [SetUp]
    public void MakeFolder() => folder = new();

    [TearDown]
    public void RemoveFolder() => folder.Dispose();

    [Test]
    public async Task What_is_stored_without_a_server_is_delivered_by_the_next_command_without_input()
    {
        var port = FreePort.Get();
        await StoreAsync(port, 3_000);
        var (server, _) = await ServeAsync(port);
        await using var serving = server;
        await using var next = Connect(port);
        next.EndInput();

        Assert.That(await next.ExitAsync(), Is.Zero);
        Assert.That(await server.OutputAsync(3_000), Is.EqualTo(Lines(3_000)));
        await using var empty = Connect(port);
        empty.EndInput();
        Assert.That(await empty.ExitAsync(), Is.Zero);
        server.Signal();
        await server.ExitAsync();
        Assert.That(await IotLinkProcess.AllAsync(server.Output), Has.Count.EqualTo(3_000), "nothing is delivered a second time");
    }

    [Test]
    public async Task What_the_server_did_not_accept_in_time_is_counted_and_stays_in_the_file()
    {
        var port = FreePort.Get();
        await using var client = Connect(port, "--drain", "1");
        await client.WriteAsync("one\ntwo\n");
        client.EndInput();

        Assert.That(await client.ExitAsync(), Is.EqualTo(1));
        Assert.That((await IotLinkProcess.AllAsync(client.Events))[^1], Is.EqualTo("2 lines were not acknowledged; they are in the file of --store, and the next command with it delivers them"));
        var (server, _) = await ServeAsync(port);
        await using var serving = server;
        await using var next = Connect(port);
        next.EndInput();
        Assert.That(await next.ExitAsync(), Is.Zero);
        Assert.That(await server.OutputAsync(2), Is.EqualTo(new[] { "pump-1\tone", "pump-1\ttwo" }));
    }

    /// <summary>
    /// Ten kills of each end. A server prints again what it had printed and not yet kept as accepted: nothing else
    /// comes twice.
    /// </summary>
    [Test]
    public async Task Each_line_is_printed_in_order_though_either_end_is_killed_again_and_again()
    {
        var highest = 0;
        foreach (var number in (await PrintedThroughKillsAsync()).Select(line => int.Parse(line.Split('\t')[1], CultureInfo.InvariantCulture)))
        {
            Assert.That(number, Is.LessThanOrEqualTo(highest + 1), "a line was left out");
            highest = Math.Max(highest, number);
        }

        Assert.That(highest, Is.EqualTo(Count));
    }

    /// <summary>
    /// A reader of the output that drops repeated lines, by their names, has each line once.
    /// </summary>
    [Test]
    public async Task Whoever_drops_names_that_came_before_has_each_line_once_though_either_end_is_killed()
    {
        var had = new Dictionary<(string? Epoch, ulong Number), string?>();
        var lines = new List<string?>();
        foreach (var printed in (await PrintedThroughKillsAsync("--json")).Select(text => JsonDocument.Parse(text).RootElement))
        {
            var (epoch, line) = (printed.GetProperty("epoch").GetString(), printed.GetProperty("line").GetString());
            Assert.That(epoch, Has.Length.EqualTo(16));
            var name = (epoch, printed.GetProperty("number").GetUInt64());
            if (had.TryGetValue(name, out var before))
                Assert.That(line, Is.EqualTo(before), "one name, one line");
            else
                lines.Add(line);
            had[name] = line;
        }

        Assert.That(lines, Is.EqualTo(Enumerable.Range(1, Count).Select(n => n.Text())));
        Assert.That(had.Keys.Select(name => name.Epoch).Distinct().Count(), Is.EqualTo(1), "the client kept its memory");
    }

    [Test]
    public async Task What_is_typed_at_the_server_for_a_device_that_is_away_arrives_once_though_the_server_is_killed()
    {
        var port = FreePort.Get();
        var (met, _) = await ServeAsync(port);
        await using (met)
        {
            await using var client = Connect(port, "--stay");
            // The client is up once it has the answer, and the server answers when its store knows the device.
            await client.EventAsync("pump-1 up");
            await client.KillAsync();
            await met.KillAsync();
        }

        var (first, _) = await ServeAsync(port);
        await using (first)
        {
            // More than may wait where they are not stored: the last one is read, and holds up nobody.
            await first.WriteAsync(string.Concat(Lines(4_200).Select(line => line + "\n")) + "nobody\tx\n");
            await first.EventAsync("nobody waiting: no device of this id has connected yet; lines for it wait, and are not stored");
            await UntilStoredAsync(4_200);
            await first.KillAsync();
            Assert.That(await IotLinkProcess.AllAsync(first.Events), Has.None.Contains("pump-1"), "it has not joined, and nobody waits for it");
        }

        var (second, _) = await ServeAsync(port);
        await using var serving = second;
        await second.WriteAsync("pump-1\t4201\n");
        await UntilStoredAsync(4_201);
        await using var device = Connect(port, "--stay");
        Assert.That(await device.OutputAsync(4_201), Is.EqualTo(Enumerable.Range(1, 4_201).Select(n => n.ToString(CultureInfo.InvariantCulture))));
        await second.EventAsync("pump-1 joined");
        second.Signal();
        Assert.That(await second.ExitAsync(), Is.Zero);
        await device.KillAsync();
        Assert.That(await IotLinkProcess.AllAsync(device.Output), Has.Count.EqualTo(4_201), "once");
    }

    [Test]
    public async Task What_is_stored_and_not_acknowledged_when_the_server_ends_is_counted()
    {
        var (server, _) = await IotLinkProcess.ServeAsync("--store", folder["fleet.db"], "--expect", "pump-1", "--drain", "1");
        await using var serving = server;
        await server.WriteAsync("pump-1\tone\npump-1\ttwo\n");
        await UntilStoredAsync(2);
        server.Signal();
        Assert.That(await server.ExitAsync(), Is.EqualTo(1));
        var events = await IotLinkProcess.AllAsync(server.Events);
        // A line whose writer has not heard yet that it is stored counts twice at this moment.
        Assert.That(events, Has.Some.Matches("waiting up to 1 s for [234] lines to be delivered; Ctrl-C leaves at once"));
        Assert.That(events[^1], Is.EqualTo(
            "2 lines were not acknowledged within 1 s of Ctrl-C; what is for devices that it knows is in the file of --store, and the next command with it delivers that"));
    }

    [Test]
    public async Task A_second_process_on_the_file_says_so_in_a_sentence()
    {
        var (server, port) = await IotLinkProcess.ServeAsync("--store", folder["fleet.db"]);
        await using var serving = server;
        await using var second = IotLinkProcess.Start("serve", "--port", "0", "--store", folder["fleet.db"]);
        Assert.That(await second.ExitAsync(), Is.EqualTo(2));
        Assert.That((await IotLinkProcess.AllAsync(second.Events)).Single(), Does.StartWith("iotlink: --store: The session store ").And.Contain("is used by another process"));
        Assert.That(port, Is.Positive);
    }

    [Test]
    public async Task A_file_that_something_else_wrote_is_refused_and_left_as_it_is()
    {
        await File.WriteAllTextAsync(folder["outbox.db"], "not a database, but somebody's notes");
        await using var client = Connect(1);
        client.EndInput();

        Assert.That(await client.ExitAsync(), Is.EqualTo(2));
        Assert.That((await IotLinkProcess.AllAsync(client.Events)).Single(), Does.Contain("is not a SQLite database").And.Contain("It is left as it is."));
        Assert.That(await File.ReadAllTextAsync(folder["outbox.db"]), Is.EqualTo("not a database, but somebody's notes"));
    }

    [Test]
    public async Task A_file_that_takes_long_to_open_is_said_to_be_opened()
    {
        var port = FreePort.Get();
        await StoreAsync(port, 1);
        await using var busy = new SqliteConnection($"Data Source={folder["outbox.db"]};Pooling=False");
        await busy.OpenAsync();
        await using var begin = busy.CreateCommand();
        begin.CommandText = "BEGIN EXCLUSIVE";
        await begin.ExecuteNonQueryAsync();
        await using var client = Connect(port, "--stay");
        await client.EventAsync("the file of --store (0 MB) is being opened and checked, which takes a few seconds a gigabyte");
        begin.CommandText = "ROLLBACK";
        await begin.ExecuteNonQueryAsync();
        await client.EventAsync("ConnectFailed");
    }

    [TestCase("--until stored needs --store.", "--until", "stored")]
    [TestCase("--store is of no use with --best-effort, which keeps nothing.", "--store", "x.db", "--best-effort")]
    [TestCase("--until must be accepted or stored, not 'x'.", "--until", "x")]
    public async Task What_has_no_sense_together_is_said(string sentence, params string[] options)
    {
        await using var client = IotLinkProcess.Connect(1, "pump-1", options);
        Assert.That(await client.ExitAsync(), Is.EqualTo(2));
        Assert.That((await IotLinkProcess.AllAsync(client.Events)).Single(), Does.Contain(sentence));
    }

    /// <summary>All that servers print of so many lines, while both ends are killed ten times each.</summary>
    private async Task<List<string>> PrintedThroughKillsAsync(params string[] options)
    {
        var port = FreePort.Get();
        await StoreAsync(port, Count);
        var printed = new List<string>();
        var (server, _) = await ServeAsync(port, options);
        var client = Connect(port, "--stay");
        try
        {
            for (var kill = 0; kill < 20; kill++)
            {
                // Something of this process has come through, if anything is left.
                await client.EventAsync("up (");
                if (kill % 2 == 0)
                {
                    await client.KillAsync();
                    await client.DisposeAsync();
                    client = Connect(port, "--stay");
                    continue;
                }

                await server.KillAsync();
                printed.AddRange(await IotLinkProcess.AllAsync(server.Output));
                await server.DisposeAsync();
                (server, _) = await ServeAsync(port, options);
                await server.EventAsync(options.Length == 0 ? "pump-1 up" : "\"event\":\"up\"");
            }
        }
        finally
        {
            await client.KillAsync();
            await client.DisposeAsync();
        }

        await using (var last = Connect(port))
        {
            last.EndInput();
            Assert.That(await last.ExitAsync(), Is.Zero);
        }

        server.Signal();
        await server.ExitAsync();
        printed.AddRange(await IotLinkProcess.AllAsync(server.Output));
        await server.DisposeAsync();
        return printed;
    }

    /// <summary>Until another program sees so many lines in the server's file.</summary>
    private async Task UntilStoredAsync(int lines)
    {
        await using var reader = new SqliteConnection($"Data Source={folder["fleet.db"]};Mode=ReadOnly;Pooling=False");
        await reader.OpenAsync();
        await using var count = reader.CreateCommand();
        count.CommandText = "SELECT count(*) FROM lines";
        await Observable.Interval(TimeSpan.FromMilliseconds(20)).FirstAsync(_ => (long)count.ExecuteScalar()! >= lines).Timeout(IotLinkProcess.Bound);
    }

    private static string[] Lines(int count) => [.. Enumerable.Range(1, count).Select(n => string.Create(CultureInfo.InvariantCulture, $"pump-1\t{n}"))];

    private async Task StoreAsync(int port, int count)
    {
        await using var storing = Connect(port, "--until", "stored");
        await storing.WriteAsync(string.Concat(Enumerable.Range(1, count).Select(n => string.Create(CultureInfo.InvariantCulture, $"{n}\n"))));
        storing.EndInput();
        Assert.That(await storing.ExitAsync(), Is.Zero);
    }

    private IotLinkProcess Connect(int port, params string[] options) => IotLinkProcess.Connect(port, "pump-1", ["--store", folder["outbox.db"], .. options]);

    private async Task<(IotLinkProcess Server, int Port)> ServeAsync(int port, params string[] options)
    {
        var server = IotLinkProcess.Start(["serve", "--bind", "127.0.0.1", "--port", port.Text(), "--store", folder["fleet.db"], .. options]);
        await server.EventAsync("listening");
        return (server, port);
    }
}
