using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores;

namespace Rx.IotLink.Tests.Security;

/// <summary>
/// Many connections prove at the same moment that they are the same device: each takes the place of the one before,
/// and none gets the answer that the id is live.
/// </summary>
public sealed class ManyNewcomersTests : ServerTest
{
    private const string Id = "pump-1";

    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(n => (byte)n)];

    /// <summary>The next one proves itself in the very moment in which its ghost ends.</summary>
    [Test]
    public async Task A_newcomer_that_comes_while_a_ghost_ends_displaces_too()
    {
        // Each comes out of the one before, on one stack.
        const int Newcomers = 10;
        using var bench = new ServerBench(o => o with { KeyOf = _ => Key });
        var peers = Enumerable.Range(1, Newcomers).Select(n =>
        {
            var opening = ServerBench.Opening($"{n:x16}", connection: n, more: $" auth=hmac-sha256 nonce={n:x32}");
            var peer = bench.Connect(opening);
            return (Peer: peer, Proof: ServerBench.ProofFor(opening, peer.Take()[0], Key) + "\n");
        }).ToList();
        for (var n = 0; n < Newcomers - 2; n++)
        {
            var next = peers[n + 2];
            peers[n].Peer.Disposed += () => next.Peer.Say(next.Proof);
        }

        // The first is served, the second displaces it; the third comes while the first ends, and so on.
        peers[0].Peer.Say(peers[0].Proof);
        bench.Run(TimeSpan.FromMilliseconds(1));
        peers[1].Peer.Say(peers[1].Proof);
        bench.Run(TimeSpan.FromMilliseconds(1));

        Assert.That(peers.Select(p => string.Concat(p.Peer.Take())), Is.All.StartsWith("IOTLINK/2 ok "));
        Assert.That(bench.Server.Counters.Refused[Refusal.IdLive], Is.Zero);
        // The last step of a ghost's end may be left to another thread.
        await Bound.EventuallyAsync(() => bench.Server.Counters.Connections == 1);
    }

    [Test]
    public async Task None_of_1800_is_refused_because_the_id_is_live()
    {
        const int Newcomers = 1_800;
        var server = await StartServerAsync(ServerOptions with { KeyOf = _ => Key, MaxOpenings = 2 * Newcomers });
        var peers = new List<(RawPeer Peer, string Proof)>();
        for (var n = 1; n <= Newcomers; n++)
        {
            var opening = ServerBench.Opening($"{n:x16}", connection: n, id: Id, more: $" auth=hmac-sha256 nonce={n:x32}");
            var peer = await ConnectAsync(server, opening);
            peers.Add((peer, ServerBench.ProofFor(opening, (await peer.HearLineAsync())!, Key)));
        }

        await Parallel.ForEachAsync(peers, async (p, _) => await p.Peer.SayAsync($"{p.Proof}\n"));
        var answers = await Task.WhenAll(peers.Select(p => p.Peer.HearLineAsync()));

        Assert.That(answers.Count(a => a!.StartsWith("IOTLINK/2 ok ", StringComparison.Ordinal)), Is.EqualTo(Newcomers));
        Assert.That(server.Counters.Refused.Values.Sum(), Is.Zero);
        await Bound.EventuallyAsync(() => server.Counters.Connections == 1);
    }

    /// <summary>The store of a device is opened once; those that have proved themselves wait for it.</summary>
    [Test]
    public async Task Those_that_come_while_the_store_is_opened_wait_for_it()
    {
        using var released = new ManualResetEventSlim();
        var opened = 0;
        var server = await StartServerAsync(ServerOptions with
        {
            KeyOf = _ => Key,
            SessionStore = new BreakableStore
            {
                Before = _ =>
                {
                    Interlocked.Increment(ref opened);
                    released.Wait();
                },
            },
        });
        var peers = new List<RawPeer>();
        for (var n = 1; n <= 20; n++)
        {
            var opening = ServerBench.Opening($"{n:x16}", connection: n, id: Id, more: $" auth=hmac-sha256 nonce={n:x32}");
            var peer = await ConnectAsync(server, opening);
            await peer.SayAsync(ServerBench.ProofFor(opening, (await peer.HearLineAsync())!, Key) + "\n");
            peers.Add(peer);
        }

        await Bound.EventuallyAsync(() => opened == 1 && server.Counters.Openings == 0);
        released.Set();

        // An answer comes once its epoch is kept. They continue in any order, and each takes the place of the one
        // before, perhaps sooner than that: then the earlier one ends without an answer. The last of them stays.
        var answers = await Task.WhenAll(peers.Select(p => p.HearLineAsync()));
        Assert.That(answers.Where(a => a is not null), Is.Not.Empty.And.All.StartsWith("IOTLINK/2 ok "));
        await Bound.EventuallyAsync(() => server.Counters.Connections == 1);
        Assert.That(server.Counters.Refused.Values.Sum(), Is.Zero);
    }
}
