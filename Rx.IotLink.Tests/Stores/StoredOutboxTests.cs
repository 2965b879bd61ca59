using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Testing;

namespace Rx.IotLink.Tests.Stores;

/// <summary>
/// What is written is kept at once, connection or not, and may be more than memory takes: it arrives once and in order,
/// whatever becomes of the process.
/// </summary>
public sealed class StoredOutboxTests
{
    private const string Id = "pump-1";

    private static readonly WriteOptions UntilStored = new() { Until = WrittenUntil.Stored };

    private readonly List<string> received = [];
    private SimulatedNetwork network = null!;
    private SimulatedServer server = null!;
    private SimulatedDevice pump = null!;

    [TearDown]
    public void End() => network.Dispose();

    [TestCase(1)]
    [TestCase(2)]
    public void What_is_written_in_an_outage_outlives_a_crash_within_it(int protocol)
    {
        Start(o => o with { Protocol = protocol });
        network.RunFor(1.s());
        var outage = pump.Path.Refuse();
        pump.Path.Kill(reset: true);
        network.RunFor(1.s());
        Write(Numbers(0, 10));
        pump.Crashes(at: network.Now + 1.s(), lasting: 1.s(), MemoryAfterCrash.Kept);
        network.RunFor(10.s());
        outage.Dispose();
        network.RunFor(60.s());

        Assert.That(received, Is.EqualTo(Numbers(0, 10)));
        Assert.That(pump.Flash.LinesOf(Id), Is.Empty);
    }

    [Test]
    public void An_outbox_that_is_longer_than_memory_is_delivered_in_order([Values] bool crashes)
    {
        Start(o => o with { OutboxLines = 16, MaxWaitingWrites = 0 });
        var outage = pump.Path.Refuse();
        Write(Numbers(0, 1_000));
        network.RunFor(1.s());
        Assert.That((pump.Flash.LinesOf(Id).Count, pump.Link.Counters.Outbox), Is.EqualTo((1_000, 1_000)));

        outage.Dispose();
        if (crashes)
            pump.Crashes(at: network.Now + 1.s(), lasting: 1.s(), MemoryAfterCrash.Kept);
        network.RunFor(60.s());
        Write(Numbers(1_000, 5));
        network.RunFor(10.s());

        Assert.That(received, Is.EqualTo(Numbers(0, 1_005)));
        Assert.That((pump.Flash.LinesOf(Id).Count, pump.Link.Counters.Outbox), Is.EqualTo((0, 0)));
        Assert.That(pump.Link.DrainAsync().IsCompletedSuccessfully);
    }

    /// <summary>
    /// Lines of the store alone that an earlier process may have sent: all those that the largest window takes.
    /// </summary>
    [Test]
    public void What_an_earlier_process_may_have_sent_is_known_though_it_is_more_than_memory_takes()
    {
        Start(o => o with { OutboxLines = 16, MaxWaitingWrites = 0 }, o => o with { InboxLines = 1_000 }, reads: false);
        network.RunFor(1.s());
        Write(Numbers(0, 500));
        network.RunFor(5.s());
        pump.Crashes(at: network.Now + 1.s(), lasting: 1.s(), MemoryAfterCrash.Kept);
        network.RunFor(5.s());
        server.Link(Id).Lines.Subscribe(received.Add);
        network.RunFor(30.s());

        Assert.That(received, Is.EqualTo(Numbers(0, 500)));
        Assert.That(pump.Flash.LinesOf(Id), Is.Empty);
    }

    /// <summary>
    /// A process that begins reads the first 16,384 lines of its store: so many may have been sent before. If a slow
    /// disk let more be sent, the next process would take its memory for rolled back, and send them again.
    /// </summary>
    [Test]
    public void A_slow_disk_and_a_crash_repeat_no_line_however_many_were_sent_meanwhile()
    {
        const int Lines = 19_000;
        Start(o => o with { OutboxLines = 20_000, MaxWaitingWrites = 0 }, o => o with { InboxLines = 16_384 });
        var outage = pump.Path.Refuse();
        Write(Numbers(0, Lines));
        network.RunFor(5.s());
        Assert.That(pump.Flash.LinesOf(Id), Has.Count.EqualTo(Lines));

        pump.DiskBreaks(at: network.Now, lasting: 60.s(), DiskFault.Slow);
        outage.Dispose();
        for (var step = 0; step < 3_000 && received.Count == 0; step++)
            network.RunFor(10.ms());
        network.RunFor(100.ms());
        Assert.That(received, Has.Count.GreaterThan(1_000), "many lines arrive before the disk has kept that the first did");
        pump.Crashes(at: network.Now, lasting: 1.s(), MemoryAfterCrash.Kept);
        network.RunFor(120.s());

        Assert.That(received, Is.EqualTo(Numbers(0, Lines)));
    }

    [Test]
    public void A_line_of_the_store_alone_can_be_taken_back()
    {
        Start(o => o with { OutboxLines = 4, MaxWaitingWrites = 100 });
        var outage = pump.Path.Refuse();
        var writes = Numbers(0, 50).Select(line => pump.Link.Write(line).Subscribe()).ToList();
        network.RunFor(1.s());
        foreach (var n in new[] { 2, 20, 21, 49 })
            writes[n].Dispose();
        outage.Dispose();
        network.RunFor(30.s());

        Assert.That(received, Is.EqualTo(Numbers(0, 50).Where((_, n) => n is not (2 or 20 or 21 or 49))));
        Assert.That((pump.Flash.LinesOf(Id).Count, pump.Link.Counters.Outbox), Is.EqualTo((0, 0)));
    }

    /// <summary>
    /// A line that is taken back has no number: those behind it move up, and the next process must number them alike.
    /// </summary>
    [Test]
    public void What_was_taken_back_moves_no_number_of_the_next_process()
    {
        Start(reads: false);
        network.RunFor(1.s());
        var outage = pump.Path.Refuse();
        pump.Path.Kill(reset: true);
        network.RunFor(1.s());
        var second = Numbers(0, 3).Select(line => pump.Link.Write(line).Subscribe()).ToList()[1];
        second.Dispose();
        outage.Dispose();
        network.RunFor(30.s());
        pump.Crashes(at: network.Now + 1.s(), lasting: 1.s(), MemoryAfterCrash.Kept);
        network.RunFor(10.s());
        server.Link(Id).Lines.Subscribe(received.Add);
        network.RunFor(30.s());

        Assert.That(received, Is.EqualTo(new[] { "0", "2" }));
    }

    [Test]
    public void Writes_that_nobody_awaits_are_not_in_memory_and_those_that_are_awaited_have_a_bound()
    {
        Start(o => o with { OutboxLines = 10, MaxWaitingWrites = 5 });
        pump.Path.Refuse();
        var (accepted, errors) = (0, new List<Exception>());
        foreach (var line in Numbers(0, 30))
        {
            try
            {
                pump.Link.Write(line).Subscribe(_ => accepted++, errors.Add);
            }
            catch (OutboxFullException full)
            {
                errors.Add(full);
            }
        }

        network.RunFor(1.s());
        // 10 in memory, 15 only in the store, whose writes wait.
        Assert.That((pump.Link.Counters.Outbox, errors.Count), Is.EqualTo((25, 5)));
        Assert.That(errors, Is.All.InstanceOf<OutboxFullException>().With.Message.Contains("OutboxLines + MaxWaitingWrites is 15 lines"));
    }

    [Test]
    public void A_full_store_says_which_limit_it_has_reached()
    {
        Start(o => o with { StoredLines = 10, StoredBytes = 12 });
        pump.Path.Refuse();
        foreach (var line in Numbers(0, 10))
            pump.Link.Writer.OnNext(line);

        Assert.That(() => pump.Link.Writer.OnNext("x"), Throws.InstanceOf<OutboxFullException>().With.Message.Contains("StoredLines is 10 lines"));
        End();
        Start(o => o with { StoredLines = 10, StoredBytes = 12 });
        pump.Path.Refuse();
        pump.Link.Writer.OnNext("1234567890");
        pump.Link.Writer.OnNext("12");
        Assert.That(() => pump.Link.Writer.OnNext("x"), Throws.InstanceOf<OutboxFullException>().With.Message.Contains("StoredBytes is 12 bytes"));
    }

    [Test]
    public void A_write_until_stored_needs_no_server()
    {
        Start();
        pump.Path.Refuse();
        pump.DiskBreaks(at: 1.s(), lasting: 5.s(), DiskFault.Slow);
        network.RunFor(2.s());
        var write = pump.Link.WriteAsync("kept", UntilStored);
        var early = write.IsCompleted;
        network.RunFor(1.s());

        Assert.That((early, write.IsCompletedSuccessfully), Is.EqualTo((false, true)));
        Assert.That(pump.Flash.LinesOf(Id), Is.EqualTo(["kept"]));
        Assert.That(pump.Link.Counters.Outbox, Is.EqualTo(1));
    }

    [Test]
    public void A_write_until_stored_that_cannot_be_stored_is_an_error()
    {
        Start(o => o with { SessionStore = null });

        Assert.That(async () => await pump.Link.WriteAsync("x", UntilStored), Throws.InvalidOperationException.With.Message.Contains("SessionStore"));
        End();
        Start();
        Assert.That(
            async () => await pump.Link.WriteAsync("x", UntilStored with { Delivery = Delivery.BestEffort }),
            Throws.InvalidOperationException.With.Message.Contains("best effort"));
        Assert.That(pump.Link.Counters.Outbox, Is.Zero);
    }

    [Test]
    public void Lines_that_cannot_be_read_are_read_when_the_store_works_again()
    {
        var store = new UnreadableStore();
        Start(o => o with { SessionStore = store, OutboxLines = 4, MaxWaitingWrites = 0 });
        var notices = new List<LinkNoticeKind>();
        pump.Link.Notices.Subscribe(notice => notices.Add(notice.Kind));
        var outage = pump.Path.Refuse();
        Write(Numbers(0, 50));
        store.Fails = true;
        outage.Dispose();
        network.RunFor(5.s());
        Assert.That(received, Has.Count.LessThan(10));
        store.Fails = false;
        network.RunFor(30.s());

        Assert.That(received, Is.EqualTo(Numbers(0, 50)));
        Assert.That(notices, Has.Member(LinkNoticeKind.StoreFailed));
    }

    /// <summary>
    /// What a read finds is old when it arrives: what was kept meanwhile is kept for good, and nothing more may come.
    /// </summary>
    [Test]
    public void Lines_that_are_kept_while_a_read_that_missed_them_is_on_its_way_are_delivered()
    {
        var store = new LateStore();
        Start(o => o with { SessionStore = store, OutboxLines = 2, MaxWaitingWrites = 0 });
        network.RunFor(1.s());
        store.Clock = pump.Scheduler;
        Write(Numbers(0, 14));
        network.RunFor(60.s());

        Assert.That(received, Is.EqualTo(Numbers(0, 14)));
    }

    private static string[] Numbers(int first, int count) => [.. Enumerable.Range(first, count).Select(n => $"{n}")];

    private void Write(IEnumerable<string> lines)
    {
        foreach (var line in lines)
            pump.Link.Writer.OnNext(line);
    }

    private void Start(
        Func<IotLinkClientOptions, IotLinkClientOptions>? device = null,
        Func<Rx.IotLink.Server.IotLinkServerOptions, Rx.IotLink.Server.IotLinkServerOptions>? machine = null,
        bool reads = true)
    {
        received.Clear();
        network = SimulatedNetwork.On(new TestScheduler());
        server = network.AddServer(configure: machine, app: (process, _) => process.Links.Where(_ => reads).SelectMany(l => l.Lines).Subscribe(received.Add));
        pump = network.AddDevice(Id, server, device);
    }

    /// <summary>A store whose writes take 300 ms, and whose reads look at once and answer after a second.</summary>
    private sealed class LateStore : ISessionStore
    {
        private readonly MemorySessionStore kept = new();

        /// <summary>Null: nothing takes time.</summary>
        public IScheduler? Clock { get; set; }

        public ValueTask<ClaimedSession> ClaimAsync(string id, CancellationToken cancellationToken = default) => kept.ClaimAsync(id, cancellationToken);

        public async ValueTask<IReadOnlyCollection<SessionClaim>> WriteAsync(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken = default)
        {
            await After(TimeSpan.FromMilliseconds(300)).ConfigureAwait(false);
            return await kept.WriteAsync(batch, cancellationToken).ConfigureAwait(false);
        }

        public async ValueTask<IReadOnlyList<StoredLine>> ReadLinesAsync(SessionClaim claim, long after, int count, CancellationToken cancellationToken = default)
        {
            var read = await kept.ReadLinesAsync(claim, after, count, cancellationToken).ConfigureAwait(false);
            await After(TimeSpan.FromSeconds(1)).ConfigureAwait(false);
            return read;
        }

        private Task After(TimeSpan time)
        {
            if (Clock is null)
                return Task.CompletedTask;
            var over = new TaskCompletionSource();
            Clock.Schedule(time, () => over.SetResult());
            return over.Task;
        }
    }

    /// <summary>A store whose lines cannot be read for a while.</summary>
    private sealed class UnreadableStore : ISessionStore
    {
        private readonly MemorySessionStore kept = new();

        public bool Fails { get; set; }

        public ValueTask<ClaimedSession> ClaimAsync(string id, CancellationToken cancellationToken = default) => kept.ClaimAsync(id, cancellationToken);

        public ValueTask<IReadOnlyCollection<SessionClaim>> WriteAsync(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken = default) =>
            kept.WriteAsync(batch, cancellationToken);

        public ValueTask<IReadOnlyList<StoredLine>> ReadLinesAsync(SessionClaim claim, long after, int count, CancellationToken cancellationToken = default) =>
            Fails ? throw new IOException("bad sector") : kept.ReadLinesAsync(claim, after, count, cancellationToken);
    }
}
