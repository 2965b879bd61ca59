using System.Globalization;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Microsoft.Data.Sqlite;
using NUnit.Framework;
using Rx.IotLink.Sqlite;
using Rx.IotLink.Tests.Cli;
using Stores;

namespace Rx.IotLink.Tests.Stores.Sqlite;

/// <summary>Real processes on a file: two at a time, and many that are killed.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class SqliteProcessTests
{
    private const int Devices = 4;
    private const int Kills = 50;

    private readonly TemporaryFolder folder = new();

    private string Database => folder["fleet.db"];

    [OneTimeTearDown]
    public void CleanUp() => folder.Dispose();

    [Test]
    public async Task A_file_that_another_process_has_is_refused_at_once_and_free_when_that_one_is_killed()
    {
        await using var other = IotLinkProcess.StartBuilt("Stores", "hold", Database);
        await other.OutputAsync("open");
        var refused = Assert.Throws<SessionStoreException>(() => SqliteSessionStore.Open(Database));
        Assert.That(refused!.Fault, Is.EqualTo(SessionStoreFault.InUse));
        Assert.That(refused.Message, Is.EqualTo(
            $"The session store '{Database}' is used by another process, or opened twice in this one. End the other one, or give each its own file."));

        await other.KillAsync();
        await using var store = SqliteSessionStore.Open(Database);
        await using var second = IotLinkProcess.StartBuilt("Stores", "hold", Database);
        Assert.That(await second.ExitAsync(), Is.EqualTo(2));
        Assert.That(await IotLinkProcess.AllAsync(second.Events), Is.EqualTo([$"InUse: {refused.Message}"]));
    }

    [Test]
    public void A_file_is_opened_once_in_a_process_by_whatever_link_it_is_named()
    {
        using var store = SqliteSessionStore.Open(folder["real.db"]);
        File.CreateSymbolicLink(folder["link.db"], folder["real.db"]);
        Directory.CreateSymbolicLink(folder["linked"], folder.ToString());
        foreach (var name in new[] { folder["real.db"], folder["link.db"], Path.Combine(folder["linked"], "real.db"), Path.Combine(folder["linked"], "link.db"), folder["./real.db"] })
            Assert.That(Assert.Throws<SessionStoreException>(() => SqliteSessionStore.Open(name), name)!.Fault, Is.EqualTo(SessionStoreFault.InUse));
    }

    [Test]
    public async Task A_program_that_only_reads_may_do_so_while_batches_are_written()
    {
        await using var store = SqliteSessionStore.Open(folder["read.db"]);
        await BatchStream.WriteAsync(store, Devices, 20);
        await using var reader = new SqliteConnection($"Data Source={folder["read.db"]};Mode=ReadOnly;Pooling=False");
        await reader.OpenAsync();
        await using var read = reader.CreateCommand();
        read.CommandText = "SELECT id || ' ' || accepted || ' ' || printf('%016x', epoch) FROM sessions WHERE session = 1";
        await using var transaction = reader.BeginTransaction(deferred: true);
        read.Transaction = transaction;
        Assert.That(await read.ExecuteScalarAsync(), Is.EqualTo("device-1 20 fedcba9876543210"));
        await BatchStream.WriteAsync(store, Devices, 40);
        Assert.That(await read.ExecuteScalarAsync(), Is.EqualTo("device-1 20 fedcba9876543210"), "its transaction is of one moment");
    }

    /// <summary>Each is killed while a batch is on its way, and the next one goes on with the same file.</summary>
    [Test]
    public async Task A_process_that_is_killed_leaves_each_batch_wholly_or_not_at_all_and_all_that_it_said_were_kept([Values] SqliteDurability durability)
    {
        var file = folder[$"killed-{durability}.db"];
        var random = new Random(1);
        var last = 0L;
        for (var kill = 0; kill < Kills; kill++)
        {
            await using (var process = IotLinkProcess.StartBuilt("Stores", "stream", file, "--durability", $"{durability}", "--devices", $"{Devices}"))
            {
                await process.Output.Skip(random.Next(1, 60)).FirstAsync().Timeout(IotLinkProcess.Bound).ToTask();
                await process.KillAsync();
                var said = (await IotLinkProcess.AllAsync(process.Output)).Skip(1).Select(line => long.Parse(line, CultureInfo.InvariantCulture)).ToArray();
                Assert.That(said, Is.EqualTo(Enumerable.Range(1, said.Length).Select(i => last + i)), "each goes on where the last one ended");
                last += said.Length;
            }

            await using var store = SqliteSessionStore.Open(file);
            var kept = await BatchStream.CheckAsync(store, Devices);
            Assert.That(kept, Is.EqualTo(last).Or.EqualTo(last + 1), $"kill {kill}: the last batch may be kept and not said");
            last = kept;
        }
    }
}
