using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Sqlite;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Testing;

namespace Rx.IotLink.Tests.Stores.Sqlite;

/// <summary>
/// A file that is older than what peers remember of it: a backup was restored. A process that writes, and ends before
/// it meets its peer, gives its lines numbers that the peer has of others.
/// </summary>
[TestFixture]
public sealed class SqliteCopyTests
{
    private const string Id = "pump-1";

    private readonly List<string> received = [];
    private readonly List<LinkNoticeKind> notices = [];
    private TemporaryFolder folder = null!;
    private SimulatedNetwork network = null!;
    private SimulatedPath path = null!;
    private TestScheduler clock = null!;

    [SetUp]
    public void SetUp()
    {
        received.Clear();
        notices.Clear();
        folder = new();
        network = SimulatedNetwork.On(clock = new TestScheduler());
        var server = network.AddServer(app: (process, _) => process.Links.Subscribe(link =>
        {
            link.Lines.Subscribe(received.Add);
            link.Notices.Subscribe(notice => notices.Add(notice.Kind));
        }));
        path = network.AddPath("to the server", server);
    }

    [TearDown]
    public void CleanUp()
    {
        network.Dispose();
        folder.Dispose();
    }

    [Test]
    public void What_a_restored_copy_is_given_before_it_meets_its_peer_arrives([Values] bool isBackup, [Values] bool isRestarted)
    {
        Run(lasting: 3.s(), "first");
        using (var store = SqliteSessionStore.Open(folder["fleet.db"]))
            store.Backup(folder["copy.db"]);
        if (!isBackup)
            File.Copy(folder["fleet.db"], folder["copy.db"], overwrite: true);
        Run(lasting: 3.s(), "before 1", "before 2");
        File.Copy(folder["copy.db"], folder["fleet.db"], overwrite: true);
        if (!isBackup)
            SqliteSessionStore.MarkAsCopy(folder["fleet.db"]);
        using (path.Refuse())
        {
            Assert.That(Run(lasting: 3.s(), "after 1", "after 2"), Is.True, "it knows that it is a copy");
            if (isRestarted)
                Assert.That(Run(lasting: 3.s(), "after 3"), Is.False, "and says so once");
        }

        Run(lasting: 60.s(), "last");

        Assert.That(received, Is.EqualTo((string[])["first", "before 1", "before 2", "after 1", "after 2", .. isRestarted ? ["after 3"] : Array.Empty<string>(), "last"]));
        Assert.That(notices, Is.EqualTo(new[] { LinkNoticeKind.PeerRestarted }), "the peer's application gets a notice");
    }

    [Test]
    public async Task A_copy_keeps_what_it_has_under_a_new_epoch()
    {
        await using (var store = SqliteSessionStore.Open(folder["fleet.db"]))
        {
            for (var device = 0; device < 3; device++)
            {
                var (claim, _) = await store.ClaimAsync($"pump-{device}");
                await store.WriteAsync(
                [
                    new(claim, new(SessionRecordKind.Begin, Epoch: 7)), new(claim, new(SessionRecordKind.Accept, Number: 9, Epoch: 8)), new(claim, new(SessionRecordKind.Connect, Number: 3)),
                    new(claim, new(SessionRecordKind.Add, 1, Text: "a")), new(claim, new(SessionRecordKind.Add, 2, Text: "b")), new(claim, new(SessionRecordKind.RemoveThrough, 1, Number: 1)),
                ]);
            }

            var (never, _) = await store.ClaimAsync("not begun");
            await store.WriteAsync([new(never, new(SessionRecordKind.Add, 1, Text: "c"))]);
            store.Backup(folder["copy.db"]);
        }

        var epochs = new HashSet<ulong>();
        for (var opening = 0; opening < 2; opening++)
        {
            await using var copy = SqliteSessionStore.Open(folder["copy.db"]);
            Assert.That(copy.BeganNewEpochs, Is.EqualTo(opening == 0));
            for (var device = 0; device < 3; device++)
            {
                var (claim, memory) = await copy.ClaimAsync($"pump-{device}");
                Assert.That(memory, Is.EqualTo(new SessionMemory(memory.Epoch, 1, PeerEpoch: 8, 9, Connections: 3, LastPosition: 2, 1, 1)));
                Assert.That(await copy.ReadLinesAsync(claim, 0, 10), Is.EqualTo(new[] { new StoredLine(2, "b") }));
                Assert.That(memory.Epoch, Is.Not.EqualTo(7));
                epochs.Add(memory.Epoch!.Value);
            }

            Assert.That((await copy.ClaimAsync("not begun")).Memory.Epoch, Is.Null);
        }

        Assert.That(epochs, Has.Count.EqualTo(3), "each has its own, and keeps it");
    }

    [Test]
    public void A_file_that_is_not_there_is_no_copy()
    {
        var told = Assert.Throws<SessionStoreException>(() => SqliteSessionStore.MarkAsCopy(folder["no.db"]));

        Assert.That((told!.Fault, told.Message, File.Exists(folder["no.db"])), Is.EqualTo((SessionStoreFault.Unavailable, $"The session store '{folder["no.db"]}' is not there. Name the copy.", false)));
    }

    /// <summary>A process of the device. Gives whether its store began new epochs.</summary>
    private bool Run(TimeSpan lasting, params string[] lines)
    {
        using var store = SqliteSessionStore.Open(folder["fleet.db"]);
        var link = IotLinkClient.Start(new IotLinkClientOptions { Host = "simulated", Id = Id, Transport = path, Scheduler = (IScheduler)clock, SessionStore = store });
        foreach (var line in lines)
            _ = link.WriteAsync(line, new WriteOptions { Until = WrittenUntil.Stored });
        network.RunFor(lasting);
        var closing = ((IAsyncDisposable)link).DisposeAsync();
        network.RunFor(20.s());
        Assert.That(closing.IsCompletedSuccessfully, Is.True);
        return store.BeganNewEpochs;
    }
}
