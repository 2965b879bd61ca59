using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Stores;

/// <summary>
/// A store whose calls fail for a while: what they were to keep is kept when the store works again, and the link heals
/// with it.
/// </summary>
public sealed class FailingStoreTests
{
    private const string Epoch = "00000000000000aa";
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>Each line has one place: a change of version that fails in the middle must not give it two.</summary>
    [Test]
    [CancelAfter(60_000)]
    public void A_store_that_fails_while_a_device_changes_its_version_costs_no_line()
    {
        var store = new BreakableStore();
        using var bench = new ServerBench(o => o with { SessionStore = store });
        var written = new List<string>();
        var peer = bench.Connect("pump-1");
        peer.Say("\n");
        bench.Server.Find("pump-1")!.Write("for the device").Subscribe(_ => written.Add("accepted"));
        bench.Run(Second);
        Assert.That(peer.Take(), Has.Member("00for the device\n"));
        Leave(bench, peer);

        store.Fails(nameof(SessionRecordKind.Begin));
        Leave(bench, bench.Connect(ServerBench.Opening(Epoch)));
        for (var n = 0; n < 3; n++)
            Leave(bench, bench.Connect("pump-1"));
        bench.Run(60 * Second);
        var now = bench.Connect(ServerBench.Opening(Epoch, connection: 2));
        now.Say("=0001\n");
        bench.Run(Second);

        Assert.Multiple(() =>
        {
            Assert.That(string.Concat(now.Take()), Does.Contain("+0001for the device\n"));
            Assert.That(written, Is.EqualTo(["accepted"]));
            Assert.That(bench.Server.Find("pump-1")!.Counters.Outbox, Is.Zero);
        });
    }

    [TestCase(nameof(SessionRecordKind.Begin))]
    [TestCase(nameof(SessionRecordKind.Connect))]
    [TestCase(nameof(SessionRecordKind.Add))]
    [TestCase(nameof(SessionRecordKind.RemoveThrough))]
    [TestCase(nameof(SessionRecordKind.Accept))]
    public void A_call_that_fails_once_is_made_again_and_the_link_heals(string call)
    {
        var (atClient, atServer) = (new BreakableStore(), new BreakableStore());
        using var link = SimulatedLink.Start(client: o => o with { SessionStore = atClient }, server: o => o with { SessionStore = atServer });
        var (heard, accepted, states) = (new List<string>(), new List<string>(), new List<LinkState>());
        link.Server.Links.SelectMany(l => l.Lines).Subscribe(heard.Add);
        link.Client.State.Subscribe(states.Add);
        link.Run(Second);

        atClient.Fails(call);
        atServer.Fails(call);
        Write(link.Client, accepted, "one");
        link.Run(30 * Second);
        // The one that is heard needs no further line to be accepted.
        Assert.That((heard, accepted, link.Client.Counters.Outbox), Is.EqualTo((new[] { "one" }, new[] { "one" }, 0)));
        link.Path.Kill(reset: true);
        link.Run(30 * Second);
        Write(link.Client, accepted, "two");
        link.Run(30 * Second);

        Assert.Multiple(() =>
        {
            Assert.That(heard, Is.EqualTo(["one", "two"]));
            Assert.That(accepted, Is.EqualTo(["one", "two"]));
            Assert.That(states, Has.Count.LessThan(10), "no flapping");
            Assert.That(states[^1].IsUp);
            Assert.That((atClient.Memory!.First, atClient.Lines.Count), Is.EqualTo((3UL, 0)));
            Assert.That(atServer.Memory!.Accepted, Is.EqualTo(2));
        });
    }

    /// <summary>
    /// A memory that was rolled back ends its epoch, and the next must begin, although the store fails in this very
    /// moment.
    /// </summary>
    [Test]
    public void A_new_epoch_that_cannot_be_kept_at_once_begins_when_the_store_works_again()
    {
        var store = new BreakableStore();
        using var link = SimulatedLink.Start(client: o => o with { SessionStore = store });
        var (heard, accepted, states) = (new List<string>(), new List<string>(), new List<LinkState>());
        link.Server.Links.SelectMany(l => l.Lines).Subscribe(heard.Add);
        link.Client.State.Subscribe(states.Add);
        store.Fails(nameof(SessionRecordKind.Begin));
        link.Run(Second);
        foreach (var n in Enumerable.Range(1, 100))
        {
            Write(link.Client, accepted, $"{n}");
            link.Run(Second);
        }

        link.Run(10 * Second);

        Assert.Multiple(() =>
        {
            Assert.That(heard, Is.EqualTo(Enumerable.Range(1, 100).Select(n => $"{n}")));
            Assert.That(accepted, Is.EqualTo(heard));
            Assert.That(states, Has.Count.LessThan(5), "no flapping");
        });
    }

    private static void Write(ILink link, List<string> accepted, string line) => link.Write(line).Subscribe(_ => accepted.Add(line), _ => { });

    private static void Leave(ServerBench bench, ScriptedPeer peer)
    {
        peer.Reset();
        bench.Run(TimeSpan.FromMilliseconds(1));
    }
}
