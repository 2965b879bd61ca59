using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>
/// A device whose software is changed, so that it speaks another version of the protocol, keeps the lines that wait for
/// it.
/// </summary>
public sealed class VersionChangeTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [TestCase("1,2,1")]
    [TestCase("2,1,2")]
    [TestCase("2,1,2,1,2")]
    public async Task Lines_outlive_a_change_of_version(string versions) => await Change(versions, store: null);

    [TestCase("1,2,1")]
    [TestCase("2,1,2")]
    [TestCase("2,1,2,1,2")]
    public async Task Lines_outlive_a_change_of_version_where_the_server_keeps_its_memory(string versions) => await Change(versions, new MemoryStore());

    [Test]
    public async Task Lines_of_a_kept_memory_outlive_a_change_of_version()
    {
        var store = new MemoryStore(new KeptMemory(Epoch: 5, First: 3, Lines: ["old 1", "old 2"], PeerEpoch: 9, Accepted: 4));

        await Change("1,2,1", store, "old 1", "old 2");
        Assert.That(store.Claims, Is.EqualTo(1), "once, as its contract says");
    }

    private static async Task Change(string versions, MemoryStore? store, params string[] kept)
    {
        var scheduler = new TestScheduler();
        using var network = SimulatedNetwork.On(scheduler, seed: 2);
        var machine = network.AddServer(configure: o => o with { SessionStore = store });
        var path = network.AddPath("pump-1", machine);
        var server = machine.Process;
        var (down, up, written) = (new List<string>(), new List<string>(), new List<string>(kept));
        server.Links.Subscribe(link => link.Lines.Subscribe(up.Add));
        var n = 0;
        foreach (var version in versions.Split(','))
        {
            await using (var client = IotLinkClient.Start(new IotLinkClientOptions
            {
                Host = "simulated", Id = "pump-1", Transport = path, Scheduler = scheduler, Seed = ++n, DrainTimeout = TimeSpan.Zero, Protocol = version == "1" ? 1 : 2,
            }))
            {
                scheduler.AdvanceBy((6 * Second).Ticks);
                using var taking = client.Lines.Subscribe(down.Add);
                WriteUp(client, n);
                WriteLine(server, written, $"heard by {n}");
                scheduler.AdvanceBy((6 * Second).Ticks);
                using var stall = path.Stall();
                WriteLine(server, written, $"sent to {n}, heard by the next");
                scheduler.AdvanceBy(Second.Ticks);
                path.Kill(reset: true);
            }

            scheduler.AdvanceBy((6 * Second).Ticks);
            WriteLine(server, written, $"written after {n}");
        }

        // What was written for the last has no one to hear it.
        Assert.Multiple(() =>
        {
            Assert.That(down, Is.EqualTo(written.SkipLast(2)));
            Assert.That(up, Is.EqualTo(Enumerable.Range(1, n).Select(x => $"up {x}")));
        });
    }

    private static void WriteUp(IotLinkClient client, int n) => client.Write($"up {n}").Subscribe();

    private static void WriteLine(IotLinkServer server, List<string> written, string line)
    {
        written.Add(line);
        server.Find("pump-1")!.Write(line).Subscribe(_ => { }, _ => { });
    }
}
