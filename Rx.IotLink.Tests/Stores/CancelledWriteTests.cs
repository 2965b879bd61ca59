using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Testing;

namespace Rx.IotLink.Tests.Stores;

/// <summary>
/// Writes that are cancelled while the store fails: their records do not pile up, none of their lines arrives, and
/// those between them are numbered as the next process would.
/// </summary>
public sealed class CancelledWriteTests
{
    private const string Id = "pump-1";

    private readonly List<string> received = [];
    private SimulatedNetwork network = null!;
    private SimulatedDevice pump = null!;
    private IDisposable? outage;

    [TearDown]
    public void End()
    {
        outage?.Dispose();
        outage = null;
        network.Dispose();
    }

    [Test]
    public void Lines_that_come_and_go_while_the_store_fails_leave_no_records()
    {
        var store = new BreakableStore { Before = name => _ = name == BreakableStore.Claim ? "" : throw new IOException("no disk") };
        Start(o => o with { SessionStore = store });
        network.RunFor(1.s());
        pump.Link.Writer.OnNext("first");
        foreach (var line in Numbers(0, 10_000))
        {
            using var write = pump.Link.Write(line).Subscribe();
            network.RunFor(10.ms());
        }

        pump.Link.Writer.OnNext("last");
        var before = store.Calls.Count;
        store.Before = _ => { };
        network.RunFor(30.s());

        Assert.That(received, Is.EqualTo(new[] { "first", "last" }));
        Assert.That(store.Calls.Count - before, Is.LessThan(150), "20,002 if each line was added and removed");
        Assert.That((store.Lines.Count, pump.Link.Counters.Outbox), Is.EqualTo((0, 0)));
    }

    /// <summary>
    /// A record that failed may be kept: the removal must stay, and only their number can be bounded.
    /// </summary>
    [Test]
    public void Lines_that_are_taken_back_after_their_records_failed_have_a_bound()
    {
        Start(o => o with { OutboxLines = 10, MaxWaitingWrites = 5 });
        BeginOutage();
        pump.DiskBreaks(at: network.Now, lasting: 3_000.s(), DiskFault.Fails);
        network.RunFor(1.s());
        var errors = new List<Exception>();
        foreach (var line in Numbers(0, 100))
        {
            try
            {
                using var write = pump.Link.Write(line).Subscribe(_ => { }, errors.Add);
                network.RunFor(20.s());
            }
            catch (OutboxFullException full)
            {
                errors.Add(full);
            }
        }

        Assert.That(errors, Has.Count.EqualTo(100 - 15).And.All.InstanceOf<OutboxFullException>());
        network.RunFor(3_000.s());
        pump.Link.Writer.OnNext("works");
        EndOutage();
        Assert.That((received, pump.Flash.LinesOf(Id).Count, pump.Link.Counters.Outbox), Is.EqualTo((new[] { "works" }, 0, 0)));
    }

    /// <summary>
    /// Records fail and are tried again at any moment between: what is left is numbered alike by all.
    /// </summary>
    [Test]
    public void What_is_left_between_cancelled_lines_arrives_once_and_in_order_over_a_crash([Range(1, 40)] int seed)
    {
        var random = new Random(seed);
        Start();
        network.RunFor(1.s());
        var (expected, never, outages) = (new List<string>(), new List<string>(), 0);
        var waiting = new List<(IDisposable Write, string Line, int Outage)>();
        for (var n = 0; n < 200; n++)
        {
            if (random.Next(20) == 0)
                pump.DiskBreaks(at: network.Now, lasting: random.Next(1, 3_000).ms(), random.Next(2) == 0 ? DiskFault.Fails : DiskFault.Slow);
            if (outage is null && random.Next(10) == 0)
                BeginOutage(ref outages);
            else if (outage is not null && random.Next(10) == 0)
                EndOutage();
            var line = $"{n}";
            expected.Add(line);
            if (outage is null || random.Next(2) == 0)
                pump.Link.Writer.OnNext(line);
            else
                waiting.Add((pump.Link.Write(line).Subscribe(), line, outages));
            if (outage is not null && waiting.Count > 0 && random.Next(2) == 0)
            {
                var at = random.Next(waiting.Count);
                waiting[at].Write.Dispose();
                expected.Remove(waiting[at].Line);
                // One of an earlier outage may have been sent since.
                if (waiting[at].Outage == outages)
                    never.Add(waiting[at].Line);
                waiting.RemoveAt(at);
            }

            network.RunFor(random.Next(200).ms());
        }

        network.RunFor(30.s());
        pump.Crashes(at: network.Now + 1.s(), lasting: 1.s(), MemoryAfterCrash.Kept);
        network.RunFor(10.s());
        EndOutage();
        network.RunFor(60.s());

        Assert.That(received.Select(int.Parse), Is.Ordered.And.Unique);
        Assert.That(expected, Is.SubsetOf(received));
        Assert.That(never.Intersect(received, StringComparer.Ordinal), Is.Empty);
        Assert.That((pump.Flash.LinesOf(Id).Count, pump.Link.Counters.Outbox), Is.EqualTo((0, 0)));
    }

    /// <summary>The line is gone from the store, so no later process can send it.</summary>
    [TestCase(1)]
    [TestCase(2)]
    public async Task A_cancelled_line_does_not_come_back_once_the_store_has_removed_it(int protocol)
    {
        Start(o => o with { Protocol = protocol });
        BeginOutage();
        var cancelled = await CancelAsync(pump.Link, "cancelled");
        network.RunFor(1.s());
        Assert.That((cancelled.WasSent, pump.Flash.LinesOf(Id).Count), Is.EqualTo((false, 0)));
        CrashesWithinTheOutage();

        Assert.That(received, Is.EqualTo(new[] { "after" }));
    }

    /// <summary>
    /// The caller's task ends at once, whatever the disk does: a process that dies before its store has removed the
    /// line leaves it to the next one. The documentation says so.
    /// </summary>
    [TestCase(1)]
    [TestCase(2)]
    public async Task A_cancelled_line_that_the_store_could_not_remove_before_a_crash_is_sent_by_the_next_process(int protocol)
    {
        Start(o => o with { Protocol = protocol });
        BeginOutage();
        using var source = new CancellationTokenSource();
        var write = pump.Link.WriteAsync("cancelled", cancellationToken: source.Token);
        network.RunFor(1.s());
        pump.DiskBreaks(at: network.Now, lasting: 5.s(), DiskFault.Fails);
        network.RunFor(1.s());
        await source.CancelAsync();
        Assert.That(write.IsCompleted, "it completes while the store fails");
        Assert.That((await Assert.ThrowsAsync<WriteCancelledException>(() => write))!.WasSent, Is.False);
        CrashesWithinTheOutage();

        Assert.That(received, Is.EqualTo(new[] { "cancelled", "after" }));
    }

    [Test]
    public async Task A_cancelled_line_that_the_store_never_saw_is_not_sent_by_the_next_process()
    {
        Start();
        BeginOutage();
        pump.DiskBreaks(at: network.Now, lasting: 5.s(), DiskFault.Fails);
        pump.Link.Writer.OnNext("before");
        network.RunFor(2.s());
        Assert.That((await CancelAsync(pump.Link, "cancelled")).WasSent, Is.False);
        network.RunFor(1.s());
        CrashesWithinTheOutage();

        Assert.That(received, Does.Not.Contain("cancelled").And.Contains("after"));
    }

    private static async Task<WriteCancelledException> CancelAsync(ILink link, string line)
    {
        using var source = new CancellationTokenSource();
        var write = link.WriteAsync(line, cancellationToken: source.Token);
        await source.CancelAsync();
        return (await Assert.ThrowsAsync<WriteCancelledException>(() => write))!;
    }

    private static IEnumerable<string> Numbers(int first, int count) => Enumerable.Range(first, count).Select(n => $"{n}");

    private void CrashesWithinTheOutage()
    {
        pump.Crashes(at: network.Now, lasting: 10.s(), MemoryAfterCrash.Kept);
        network.RunFor(15.s());
        pump.Link.Writer.OnNext("after");
        EndOutage();
        network.RunFor(30.s());
    }

    private void BeginOutage()
    {
        outage = pump.Path.Refuse();
        pump.Path.Kill(reset: true);
        network.RunFor(1.s());
    }

    private void BeginOutage(ref int outages)
    {
        outages++;
        BeginOutage();
    }

    private void EndOutage()
    {
        outage?.Dispose();
        outage = null;
        network.RunFor(60.s());
    }

    private void Start(Func<IotLinkClientOptions, IotLinkClientOptions>? device = null)
    {
        received.Clear();
        network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer(app: (process, _) => process.Links.SelectMany(l => l.Lines).Subscribe(received.Add));
        pump = network.AddDevice(Id, server, device);
    }
}
