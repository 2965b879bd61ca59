using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Testing;

namespace Rx.IotLink.Tests.Stores;

/// <summary>
/// Lines that are dropped before they are sent: their time to live is over, or a newer line of their key takes their
/// place. They do not arrive, their writers learn it, and nothing else is lost.
/// </summary>
public sealed class GivenUpLinesTests
{
    private const string Id = "pump-1";

    private readonly List<string> received = [];
    private readonly List<LinkNotice> notices = [];
    private SimulatedNetwork network = null!;
    private SimulatedServer server = null!;
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
    public void A_line_whose_time_is_over_in_an_outage_does_not_arrive_and_its_writer_learns_it([Values(1, 2)] int protocol, [Values] bool stored)
    {
        Start(o => o with { Protocol = protocol, SessionStore = stored ? o.SessionStore : null });
        BeginOutage();
        var lasting = pump.Link.WriteAsync("lasting");
        var brief = pump.Link.WriteAsync("brief", Living(5.s()));
        var longer = pump.Link.WriteAsync("longer", Living(60.s()));
        network.RunFor(4.9.s());
        Assert.That(brief.IsCompleted, Is.False);
        network.RunFor(0.2.s());

        var told = Error<LineExpiredException>(brief);
        Assert.That((told.Id, told.Limit, told.Most, told.Waited), Is.EqualTo((Id, "TimeToLive", 5.s(), 5.s())));
        Assert.That(told.Message, Is.EqualTo("A line of link 'pump-1' was dropped before it was sent: it waited for 5 s, and TimeToLive is 5 s."));
        Assert.That((pump.Link.Counters.LinesExpired, pump.Link.Counters.Outbox), Is.EqualTo((1, 2)));
        Assert.That(notices.Select(n => (n.Kind, n.Detail)), Has.Member((LinkNoticeKind.LinesExpired, "a line had waited for too long to be sent: dropped, 1 so far")));
        EndOutage();
        Assert.That(received, Is.EqualTo(new[] { "lasting", "longer" }));
        Assert.That((lasting.IsCompletedSuccessfully, longer.IsCompletedSuccessfully), Is.EqualTo((true, true)));
        Assert.That((pump.Link.Counters.Outbox, pump.Flash.LinesOf(Id)), Is.EqualTo((0, Array.Empty<string>())));
    }

    [Test]
    public void Best_effort_is_given_up_too([Values(1, 2)] int protocol)
    {
        Start(o => o with { Protocol = protocol });
        BeginOutage();
        var options = Living(5.s()) with { Delivery = Delivery.BestEffort };
        var (brief, replaced, last) = (
            pump.Link.WriteAsync("brief", options), pump.Link.WriteAsync("replaced", options with { Key = "t" }), pump.Link.WriteAsync("last", options with { Key = "t", TimeToLive = null }));
        network.RunFor(6.s());
        EndOutage();

        Assert.That(Error<LineExpiredException>(brief).Most, Is.EqualTo(5.s()));
        Assert.That(Error<LineReplacedException>(replaced).Key, Is.EqualTo("t"));
        Assert.That((last.IsCompletedSuccessfully, received), Is.EqualTo((true, new[] { "last" })));
    }

    [Test]
    public void A_line_that_was_sent_is_neither_dropped_nor_replaced([Values(1, 2)] int protocol, [Values] bool stored)
    {
        Start(o => o with { Protocol = protocol, SessionStore = stored ? o.SessionStore : null }, reads: false);
        network.RunFor(1.s());
        var sent = pump.Link.WriteAsync("sent", Living(1.s()) with { Key = "t" });
        network.RunFor(1.s());
        var newer = pump.Link.WriteAsync("newer", new WriteOptions { Key = "t" });
        network.RunFor(5.s());
        BeginOutage();
        network.RunFor(60.s());
        server.Link(Id).Lines.Subscribe(received.Add);
        EndOutage();

        Assert.That(received, Is.EqualTo(new[] { "sent", "newer" }));
        Assert.That((sent.IsCompletedSuccessfully, newer.IsCompletedSuccessfully), Is.EqualTo((true, true)));
        Assert.That((pump.Link.Counters.LinesExpired, pump.Link.Counters.LinesReplaced), Is.EqualTo((0, 0)));
    }

    [Test]
    public void A_newer_line_of_a_key_replaces_the_one_that_waits_and_goes_to_the_end([Values(1, 2)] int protocol, [Values] bool stored)
    {
        Start(o => o with { Protocol = protocol, SessionStore = stored ? o.SessionStore : null });
        BeginOutage();
        Task Keyed(string line, string key) => pump.Link.WriteAsync(line, new WriteOptions { Key = key });
        var first = Keyed("t 1", "t");
        _ = pump.Link.WriteAsync("between");
        var second = Keyed("t 2", "t");
        _ = Keyed("p 1", "p");
        var third = Keyed("t 3", "t");
        network.RunFor(1.s());

        Assert.That(Error<LineReplacedException>(first).Message, Is.EqualTo("A line of link 'pump-1' was dropped before it was sent: a newer line of key 't' took its place."));
        Assert.That((second.IsFaulted, third.IsCompleted), Is.EqualTo((true, false)));
        Assert.That((pump.Link.Counters.LinesReplaced, pump.Link.Counters.Outbox), Is.EqualTo((2, 3)));
        EndOutage();
        Assert.That((received, third.IsCompletedSuccessfully), Is.EqualTo((new[] { "between", "p 1", "t 3" }, true)));
        Assert.That(pump.Flash.LinesOf(Id), Is.Empty);

        // A key that nobody waits under any more replaces nothing.
        _ = Keyed("t 4", "t");
        network.RunFor(5.s());
        Assert.That((received[^1], pump.Link.Counters.LinesReplaced), Is.EqualTo(("t 4", 2)));
    }

    [Test]
    public void A_stale_line_does_not_outlive_its_process([Values(1, 2)] int protocol)
    {
        Start(o => o with { Protocol = protocol });
        BeginOutage();
        _ = pump.Link.WriteAsync("stale", Living(5.s()) with { Until = WrittenUntil.Stored });
        _ = pump.Link.WriteAsync("lasting", new WriteOptions { Until = WrittenUntil.Stored });
        _ = pump.Link.WriteAsync("fresh", Living(600.s()) with { Until = WrittenUntil.Stored });
        pump.Crashes(at: network.Now + 1.s(), lasting: 10.s(), MemoryAfterCrash.Kept);
        network.RunFor(15.s());
        EndOutage();

        Assert.That(received, Is.EqualTo(new[] { "lasting", "fresh" }));
        Assert.That((pump.Flash.LinesOf(Id), pump.Link.Counters.LinesExpired), Is.EqualTo((Array.Empty<string>(), 1)));
    }

    /// <summary>The line was on the wire, and lost there: its number is given to the next one.</summary>
    [Test]
    public void A_stale_line_that_an_earlier_process_sent_in_vain_leaves_no_hole([Values] bool peerForgets)
    {
        Start();
        network.RunFor(1.s());
        var stall = pump.Path.Stall();
        _ = pump.Link.WriteAsync("before", new WriteOptions { Until = WrittenUntil.Stored });
        _ = pump.Link.WriteAsync("stale", Living(5.s()) with { Until = WrittenUntil.Stored });
        _ = pump.Link.WriteAsync("after", new WriteOptions { Until = WrittenUntil.Stored });
        network.RunFor(1.s());
        pump.Crashes(at: network.Now, lasting: 10.s(), MemoryAfterCrash.Kept);
        network.RunFor(1.s());
        stall.Dispose();
        if (peerForgets)
            server.Crashes(at: network.Now, lasting: 1.s(), MemoryAfterCrash.Lost);
        network.RunFor(20.s());
        pump.Link.Writer.OnNext("new");
        network.RunFor(20.s());

        Assert.That(received, Is.EqualTo(new[] { "before", "after", "new" }));
        Assert.That((pump.Flash.LinesOf(Id), pump.Link.Counters.LinesExpired), Is.EqualTo((Array.Empty<string>(), 1)));
    }

    /// <summary>The peer has it: it waits there for the application.</summary>
    [Test]
    public void A_stale_line_that_an_earlier_process_sent_and_that_arrived_is_delivered()
    {
        Start(reads: false);
        network.RunFor(1.s());
        _ = pump.Link.WriteAsync("arrived", Living(5.s()) with { Until = WrittenUntil.Stored });
        network.RunFor(1.s());
        pump.Crashes(at: network.Now, lasting: 10.s(), MemoryAfterCrash.Kept);
        network.RunFor(15.s());
        pump.Link.Writer.OnNext("new");
        server.Link(Id).Lines.Subscribe(received.Add);
        network.RunFor(20.s());

        Assert.That(received, Is.EqualTo(new[] { "arrived", "new" }));
        Assert.That((pump.Flash.LinesOf(Id), pump.Link.Counters.LinesExpired), Is.EqualTo((Array.Empty<string>(), 0)));
    }

    /// <summary>
    /// A command for a device that was away, from a server that was restarted, to a device that remembers nothing.
    /// </summary>
    [Test]
    public void A_stale_command_of_an_earlier_server_process_is_not_given_to_a_device_that_has_forgotten_all()
    {
        Start();
        network.RunFor(1.s());
        var stall = pump.Path.Stall();
        _ = server.Link(Id).WriteAsync("stale", Living(5.s()) with { Until = WrittenUntil.Stored });
        _ = server.Link(Id).WriteAsync("lasting", new WriteOptions { Until = WrittenUntil.Stored });
        network.RunFor(1.s());
        server.Crashes(at: network.Now, lasting: 10.s(), MemoryAfterCrash.Kept);
        pump.Crashes(at: network.Now, lasting: 10.s(), MemoryAfterCrash.Lost);
        network.RunFor(1.s());
        stall.Dispose();
        var taken = new List<string>();
        network.RunFor(9.5.s());
        pump.Link.Lines.Subscribe(taken.Add);
        network.RunFor(30.s());

        Assert.That(taken, Is.EqualTo(new[] { "lasting" }));
        Assert.That(server.Disk.LinesOf(Id), Is.Empty);
    }

    [Test]
    public void Lines_of_the_store_alone_are_given_up_in_time([Values] bool crashes)
    {
        Start(o => o with { OutboxLines = 4, MaxWaitingWrites = 100 });
        BeginOutage();
        var writes = Numbers(0, 50).Select(line => pump.Link.WriteAsync(line, Living(5.s()))).ToList();
        _ = Numbers(50, 50).Select(line => pump.Link.WriteAsync(line, Living(5.s()) with { Until = WrittenUntil.Stored })).ToList();
        pump.Link.Writer.OnNext("lasting");
        network.RunFor(4.s());
        if (crashes)
            pump.Crashes(at: network.Now, lasting: 10.s(), MemoryAfterCrash.Kept);
        network.RunFor(10.1.s());
        if (!crashes)
            Assert.That(writes.Select(Error<LineExpiredException>).Select(e => e.Waited), Is.All.EqualTo(5.s()));
        EndOutage();

        Assert.That((received, pump.Flash.LinesOf(Id)), Is.EqualTo((new[] { "lasting" }, Array.Empty<string>())));
        Assert.That((pump.Link.Counters.Outbox, pump.Link.Counters.LinesExpired), Is.EqualTo((0, 100)));
    }

    [Test]
    public void Lines_of_the_store_alone_are_replaced([Values] bool awaited, [Values] bool crashes)
    {
        Start(o => o with { OutboxLines = 4, MaxWaitingWrites = 100 });
        BeginOutage();
        Write(Numbers(0, 20));
        var options = new WriteOptions { Key = "t", Until = awaited ? WrittenUntil.Accepted : WrittenUntil.Stored };
        var writes = Numbers(100, 50).Select(line => pump.Link.WriteAsync(line, options)).ToList();
        network.RunFor(1.s());
        Assert.That(pump.Flash.LinesOf(Id), Is.EqualTo((string[])[.. Numbers(0, 20), "149"]));
        if (awaited)
            Assert.That(writes.SkipLast(1).Select(Error<LineReplacedException>).Count(), Is.EqualTo(49));
        if (crashes)
            pump.Crashes(at: network.Now, lasting: 1.s(), MemoryAfterCrash.Kept);
        network.RunFor(2.s());
        Write(["last"], options);
        network.RunFor(1.s());
        EndOutage();

        Assert.That(received, Is.EqualTo((string[])[.. Numbers(0, 20), "last"]));
        Assert.That((pump.Flash.LinesOf(Id).Count, pump.Link.Counters.Outbox), Is.EqualTo((0, 0)));
    }

    /// <summary>
    /// The next process reads only as many lines as an earlier one may have sent; of those behind it knows the keys.
    /// </summary>
    [Test]
    public void A_line_that_the_next_process_has_not_read_is_replaced()
    {
        Start();
        BeginOutage();
        Write(Numbers(0, 17_000));
        Write(["old", "older"], new WriteOptions { Key = "t", Until = WrittenUntil.Stored });
        network.RunFor(1.s());
        pump.Crashes(at: network.Now, lasting: 1.s(), MemoryAfterCrash.Kept);
        network.RunFor(2.s());
        Write(["new"], new WriteOptions { Key = "t", Until = WrittenUntil.Stored });
        network.RunFor(1.s());

        Assert.That((pump.Flash.LinesOf(Id).Count, pump.Flash.LinesOf(Id)[^1], pump.Link.Counters.Outbox), Is.EqualTo((17_001, "new", 17_001)));
        EndOutage();
        Assert.That(received, Is.EqualTo((string[])[.. Numbers(0, 17_000), "new"]));
    }

    [Test]
    public void A_line_replaces_one_that_takes_its_room([Values("StoredLines", "StoredBytes")] string limit)
    {
        Start(o => limit == "StoredLines" ? o with { StoredLines = 2 } : o with { StoredBytes = 4 });
        BeginOutage();
        Write(["ab"]);
        var options = new WriteOptions { Key = "t" };
        var first = pump.Link.WriteAsync("1", options);
        var second = pump.Link.WriteAsync("2", options);
        var other = pump.Link.WriteAsync("xy", options with { Key = "p" });
        network.RunFor(1.s());

        Assert.That((first.IsFaulted, second.IsCompleted), Is.EqualTo((true, false)));
        Assert.That(Error<OutboxFullException>(other).Message, Does.Contain(limit));
        EndOutage();
        Assert.That(received, Is.EqualTo(new[] { "ab", "2" }));
    }

    /// <summary>Reported earlier, a line could come back after a crash although it was reported as dropped.</summary>
    [Test]
    public void A_writer_learns_that_its_line_is_dropped_once_the_store_knows_it()
    {
        Start();
        BeginOutage();
        var (stale, older) = (pump.Link.WriteAsync("stale", Living(5.s())), pump.Link.WriteAsync("older", new WriteOptions { Key = "t" }));
        network.RunFor(1.s());
        pump.DiskBreaks(at: network.Now, lasting: 10.s(), DiskFault.Fails);
        network.RunFor(1.s());
        var newer = pump.Link.WriteAsync("newer", new WriteOptions { Key = "t" });
        network.RunFor(8.s());
        Assert.That((stale.IsCompleted, older.IsCompleted, pump.Link.Counters.Outbox), Is.EqualTo((false, false, 1)));
        network.RunFor(20.s());
        Assert.That((Error<LineExpiredException>(stale).Waited, Error<LineReplacedException>(older).Key), Is.EqualTo((5.s(), "t")));
        EndOutage();

        Assert.That((received, newer.IsCompletedSuccessfully), Is.EqualTo((new[] { "newer" }, true)));
    }

    [Test]
    public void What_is_dropped_while_the_store_fails_has_a_bound()
    {
        Start(o => o with { OutboxLines = 10, MaxWaitingWrites = 5 });
        BeginOutage();
        pump.DiskBreaks(at: network.Now, lasting: 60.s(), DiskFault.Fails);
        network.RunFor(1.s());
        var writes = Numbers(0, 100).Select(line => pump.Link.WriteAsync(line, new WriteOptions { Key = "t" })).ToList();
        network.RunFor(1.s());

        Assert.That(writes.Count(write => write.Exception?.InnerException is OutboxFullException), Is.EqualTo(100 - 16));
        network.RunFor(90.s());
        EndOutage();
        Assert.That((received, writes.Count(write => write.Exception?.InnerException is LineReplacedException)), Is.EqualTo((new[] { "15" }, 15)));
    }

    [Test]
    public async Task A_writer_whose_link_closes_before_the_store_knows_it_learns_that()
    {
        Start();
        BeginOutage();
        var stale = pump.Link.WriteAsync("stale", Living(5.s()));
        pump.DiskBreaks(at: network.Now + 1.s(), lasting: 100.s(), DiskFault.Fails);
        network.RunFor(10.s());
        var closing = ((IAsyncDisposable)pump.Link).DisposeAsync();
        network.RunFor(60.s());
        await closing;

        Assert.That(Error<LinkClosedException>(stale).Id, Is.EqualTo(Id));
    }

    [Test]
    public void What_waits_in_the_store_for_a_month_is_dropped_the_oldest_first()
    {
        Start();
        network.RunFor(1.s());
        pump.Crashes(at: network.Now, lasting: Days(40), MemoryAfterCrash.Kept);
        network.RunFor(1.h());
        var link = server.Link(Id);
        link.Notices.Subscribe(notices.Add);
        for (var day = 0; day < 40; day++)
        {
            network.RunTo(2.h() + Days(day));
            link.Writer.OnNext($"day {day}");
        }

        network.RunFor(12.h());
        Assert.That((link.Counters.LinesExpired, link.Counters.Outbox, server.Disk.LinesOf(Id).Count), Is.EqualTo((10, 30, 30)));
        Assert.That(notices.Count(notice => notice.Kind == LinkNoticeKind.LinesExpired), Is.EqualTo(10));
        Assert.That(TakenOnReturn(), Is.EqualTo(Enumerable.Range(10, 30).Select(day => $"day {day}")));
    }

    [Test]
    public void What_an_earlier_server_process_left_for_a_month_is_dropped_when_the_device_is_back()
    {
        Start();
        network.RunFor(1.s());
        pump.Crashes(at: network.Now, lasting: Days(40), MemoryAfterCrash.Kept);
        network.RunFor(1.h());
        var link = server.Link(Id);
        for (var day = 0; day < 20; day++)
        {
            network.RunTo(2.h() + Days(day));
            link.Writer.OnNext($"day {day}");
        }

        server.Crashes(at: network.Now + 1.h(), lasting: 1.h(), MemoryAfterCrash.Kept);
        Assert.That(TakenOnReturn(), Is.EqualTo(Enumerable.Range(10, 10).Select(day => $"day {day}")));
    }

    [Test]
    public void A_writer_that_still_waits_learns_that_its_line_was_too_old_for_the_store()
    {
        Start(o => o with { StoredFor = 60.s() });
        BeginOutage();
        var old = pump.Link.WriteAsync("old");
        network.RunFor(30.s());
        var young = pump.Link.WriteAsync("young");
        var own = pump.Link.WriteAsync("with a longer time of its own", Living(Days(1)));
        network.RunFor(31.s());

        var told = Error<LineExpiredException>(old);
        Assert.That((told.Limit, told.Most, told.Waited), Is.EqualTo(("StoredFor", 60.s(), 60.s())));
        Assert.That((young.IsCompleted, own.IsCompleted), Is.EqualTo((false, false)));
        network.RunFor(31.s());
        Assert.That((Error<LineExpiredException>(young).Limit, Error<LineExpiredException>(own).Limit), Is.EqualTo(("StoredFor", "StoredFor")));
    }

    [Test]
    public void A_cancelled_line_with_a_time_is_taken_back()
    {
        Start();
        BeginOutage();
        using var cancellation = new CancellationTokenSource();
        var write = pump.Link.WriteAsync("x", Living(5.s()) with { Key = "t" }, cancellation.Token);
        cancellation.Cancel();
        network.RunFor(10.s());

        Assert.That(() => write, Throws.InstanceOf<WriteCancelledException>().With.Property(nameof(WriteCancelledException.WasSent)).False);
        Assert.That((pump.Link.Counters.LinesExpired, pump.Link.Counters.Outbox), Is.EqualTo((0, 0)));
    }

    [Test]
    public void Options_out_of_their_range_say_so()
    {
        Start();
        Exception Of(WriteOptions options) => Error<ArgumentException>(pump.Link.WriteAsync("x", options));

        Assert.That(Of(Living(TimeSpan.Zero)).Message, Does.Contain("TimeToLive must be 00:00:00.0010000 to 3650.00:00:00"));
        Assert.That(Of(Living(Days(3_651))).Message, Does.Contain("TimeToLive"));
        Assert.That(Of(new() { Key = "" }).Message, Does.Contain("Key '' is empty"));
        Assert.That(Of(new() { Key = new string('é', 65) }).Message, Does.Contain("has 130 bytes of UTF-8, the limit is 128"));
        Assert.That(Of(new() { Key = "\ud800" }).Message, Does.Contain("half of a surrogate pair"));
        Assert.That(
            () => new IotLinkClientOptions { Host = "x", Id = "x", StoredFor = TimeSpan.Zero }.Validate(),
            Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("StoredFor must be 00:00:01 to 3650.00:00:00"));
    }

    private static TimeSpan Days(int count) => TimeSpan.FromDays(count);

    private static WriteOptions Living(TimeSpan time) => new() { TimeToLive = time };

    private static string[] Numbers(int first, int count) => [.. Enumerable.Range(first, count).Select(n => $"{n}")];

    private static T Error<T>(Task write)
        where T : Exception
    {
        Assert.That(write.Exception?.InnerException, Is.InstanceOf<T>());
        return (T)write.Exception!.InnerException!;
    }

    private void Write(IEnumerable<string> lines)
    {
        foreach (var line in lines)
            pump.Link.Writer.OnNext(line);
    }

    private void Write(IEnumerable<string> lines, WriteOptions options)
    {
        foreach (var line in lines)
            _ = pump.Link.WriteAsync(line, options);
    }

    /// <summary>What the device is given that comes back on the fortieth day.</summary>
    private List<string> TakenOnReturn()
    {
        network.RunTo(2.s() + Days(40));
        var taken = new List<string>();
        pump.Link.Lines.Subscribe(taken.Add);
        network.RunFor(60.s());
        Assert.That(server.Disk.LinesOf(Id), Is.Empty);
        return taken;
    }

    /// <summary>Nothing is on its way when it begins.</summary>
    private void BeginOutage()
    {
        network.RunFor(1.s());
        outage = pump.Path.Refuse();
        pump.Path.Kill(reset: true);
        network.RunFor(1.s());
    }

    private void EndOutage()
    {
        outage!.Dispose();
        outage = null;
        network.RunFor(60.s());
    }

    private void Start(Func<IotLinkClientOptions, IotLinkClientOptions>? device = null, bool reads = true)
    {
        received.Clear();
        notices.Clear();
        network = SimulatedNetwork.On(new TestScheduler());
        server = network.AddServer(app: (process, _) => process.Links.Where(_ => reads).SelectMany(l => l.Lines).Subscribe(received.Add));
        pump = network.AddDevice(Id, server, device, (link, _) => link.Notices.Subscribe(notices.Add));
    }
}
