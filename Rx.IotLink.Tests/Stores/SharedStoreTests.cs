using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Testing;

namespace Rx.IotLink.Tests.Stores;

/// <summary>One store for many links: what they have is written together, and none suffers from another.</summary>
public sealed class SharedStoreTests
{
    private readonly Dictionary<string, List<string>> received = [];
    private TestScheduler clock = null!;
    private SimulatedNetwork network = null!;

    [SetUp]
    public void Start()
    {
        received.Clear();
        clock = new TestScheduler();
        network = SimulatedNetwork.On(clock);
    }

    [TearDown]
    public void End() => network.Dispose();

    [Test]
    public void What_many_links_have_while_a_batch_is_written_is_written_together()
    {
        var store = new CountingStore();
        var devices = Devices(store, 20);
        network.RunFor(2.s());
        store.IsSlowOn = clock;
        store.Batches.Clear();
        foreach (var device in devices)
            device.Link.Writer.OnNext("together");
        network.RunFor(5.s());
        Assert.That(received.Values, Is.All.EqualTo(new[] { "together" }));
        // One acceptance each; the first alone, since nothing was being written.
        Assert.That(store.Batches.Sum(batch => batch.Count), Is.EqualTo(20));
        Assert.That(store.Batches.Max(batch => batch.Select(write => write.Claim.Id).Distinct().Count()), Is.GreaterThan(10));
    }

    [Test]
    public void What_one_link_has_and_cannot_be_kept_stops_no_other()
    {
        var store = new CountingStore { Refuses = "2" };
        var devices = Devices(store, 5);
        network.RunFor(2.s());
        foreach (var n in Enumerable.Range(0, 50))
        {
            foreach (var device in devices)
                device.Link.Writer.OnNext($"{n}");
            network.RunFor(0.1.s());
        }

        network.RunFor(5.s());
        var lines = Enumerable.Range(0, 50).Select(n => $"{n}").ToArray();
        Assert.That(received.Where(r => r.Key != "2").Select(r => r.Value), Is.All.EqualTo(lines));
        Assert.That(received["2"], Has.Count.LessThan(50));
        store.Refuses = null;
        network.RunFor(30.s());
        Assert.That(received["2"], Is.EqualTo(lines));
    }

    [Test]
    public void What_throws_at_one_link_when_it_learns_of_it_stops_no_other()
    {
        var store = new CountingStore { Refuses = "2", Thrown = new UnspeakableException() };
        var devices = Devices(store, 5);
        network.RunFor(2.s());
        foreach (var device in devices)
            device.Link.Writer.OnNext("1");
        network.RunFor(5.s());
        Assert.That(received.Where(r => r.Key != "2").Select(r => r.Value), Is.All.EqualTo(new[] { "1" }));
        Assert.That(devices.Where(d => d.Name != "2").Select(d => d.Link.Counters.Outbox), Is.All.Zero);
        store.Refuses = null;
        network.RunFor(60.s());

        Assert.That(devices.Select(d => d.Link.Counters.Outbox), Is.All.Zero, "the other heals, too");
    }

    /// <summary>Two that hold a memory at the same time would both deliver its lines.</summary>
    [Test]
    public void Whoever_claims_a_memory_again_fences_the_former_owner_out()
    {
        var store = new MemorySessionStore();
        var server = network.AddServer(app: (process, _) => process.Links.SelectMany(l => l.Lines).Subscribe(Of("1").Add));
        var former = network.AddDevice("1", server, o => o with { SessionStore = store });
        network.RunFor(2.s());
        var claimed = store.ClaimAsync("1");
        var states = new List<LinkState>();
        former.Link.State.Subscribe(states.Add, _ => { });

        former.Link.Write("not sent").Subscribe(_ => { }, _ => { });
        network.RunFor(2.s());

        Assert.That(claimed.IsCompletedSuccessfully);
        Assert.That((states[^1].Status, states[^1].Outage!.Reason), Is.EqualTo((LinkStatus.Closed, OutageReason.ClaimedElsewhere)));
        Assert.That(Of("1"), Is.Empty);
        Assert.That(store.LinesOf("1"), Is.Empty, "what is fenced out is not kept");
    }

    [Test]
    public void A_server_whose_claim_is_gone_claims_again_when_the_device_comes_back()
    {
        var server = network.AddServer(
            configure: o => o with { MaxUnknownIds = 1 },
            app: (process, _) => process.Links.SelectMany(l => l.Lines).Subscribe(Of("1").Add));
        var device = network.AddDevice("1", server);
        network.RunFor(2.s());
        var claimed = server.Disk.ClaimAsync("1");

        device.Link.Writer.OnNext("accepted in the end");
        network.RunFor(30.s());

        Assert.That(claimed.IsCompletedSuccessfully);
        Assert.That(Of("1").Distinct(), Is.EqualTo(["accepted in the end"]));
        Assert.That(server.Process.GetConnections().Select(c => c.Id), Is.EqualTo(["1"]), "it takes one place, not two");
        Assert.That(device.Link.Counters.Outbox, Is.Zero);
    }

    private List<string> Of(string id) => received.TryGetValue(id, out var lines) ? lines : received[id] = [];

    /// <summary>An exception of foreign code.</summary>
    private sealed class UnspeakableException : Exception
    {
        public override string Message => throw new InvalidOperationException("even this");
    }

    private List<SimulatedDevice> Devices(ISessionStore store, int count)
    {
        var server = network.AddServer(
            configure: o => o with { SessionStore = store },
            app: (process, _) => process.Links.Subscribe(link => link.Lines.Subscribe(Of(link.Id).Add)));
        return [.. Enumerable.Range(0, count).Select(n => network.AddDevice($"{n}", server))];
    }

    /// <summary>
    /// A store that may be slow on a virtual clock, remembers its batches, and fails what one id has.
    /// </summary>
    private sealed class CountingStore : ISessionStore
    {
        private readonly MemorySessionStore kept = new();
        public List<IReadOnlyList<SessionWrite>> Batches { get; } = [];

        public string? Refuses { get; set; }

        public Exception Thrown { get; init; } = new IOException("not kept");

        public ValueTask<ClaimedSession> ClaimAsync(string id, CancellationToken cancellationToken = default) => kept.ClaimAsync(id, cancellationToken);

        /// <summary>Each batch takes a second on this clock. Null: it takes no time.</summary>
        public IScheduler? IsSlowOn { get; set; }

        public async ValueTask<IReadOnlyCollection<SessionClaim>> WriteAsync(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken = default)
        {
            if (IsSlowOn is { } slow)
            {
                var written = new TaskCompletionSource();
                slow.Schedule(TimeSpan.FromSeconds(1), () => written.SetResult());
                await written.Task.ConfigureAwait(false);
            }

            if (batch.Any(write => write.Claim.Id == Refuses))
                throw Thrown;
            Batches.Add([.. batch]);
            return await kept.WriteAsync(batch, cancellationToken).ConfigureAwait(false);
        }

        public ValueTask<IReadOnlyList<StoredLine>> ReadLinesAsync(SessionClaim claim, long after, int count, CancellationToken cancellationToken = default) =>
            kept.ReadLinesAsync(claim, after, count, cancellationToken);
    }
}
