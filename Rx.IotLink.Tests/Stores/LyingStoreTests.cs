using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Testing;

namespace Rx.IotLink.Tests.Stores;

/// <summary>
/// What a store gives comes from outside: it is held to the rules of what was written, before anything is sent or
/// numbered by it. The exception names the store, the rule and the offender, and nothing else is harmed.
/// </summary>
public sealed class LyingStoreTests
{
    private const string Id = "pump-1";
    private const ulong TooGreat = 1UL << 63;

    /// <summary>Changes of a memory with the lines "one" and "two" at the positions 1 and 2.</summary>
    private static IEnumerable<TestCaseData> Memories()
    {
        yield return Case("nothing", _ => null!, "gives nothing for the claim of 'pump-1'");
        yield return Case("no memory", c => c with { Memory = null! }, "gives no memory for the claim of 'pump-1'");
        yield return Case("another id", c => c with { Claim = new("pump\n2", 1) }, @"gives a claim of 'pump\n2' for that of 'pump-1'");
        yield return Memory("first", m => m with { First = 0 }, "First is 0 and must be 1 to 9223372036854775807");
        yield return Memory("great first", m => m with { First = TooGreat }, "First is 9223372036854775808 and must be 1 to 9223372036854775807");
        yield return Memory("accepted", m => m with { Accepted = TooGreat }, "Accepted is 9223372036854775808 and must be 0 to 9223372036854775807");
        yield return Memory("connections", m => m with { Connections = ulong.MaxValue }, "Connections is 18446744073709551615 and must be 0 to");
        yield return Memory("position", m => m with { LastPosition = -1 }, "LastPosition is -1 and must be 0 to");
        yield return Memory("waiting", m => m with { Waiting = -2 }, "Waiting is -2 and must be 0 to 2, as LastPosition is 2");
        yield return Memory("waiting of nothing", m => m with { Waiting = 3 }, "Waiting is 3 and must be 0 to 2, as LastPosition is 2");
        yield return Memory("bytes", m => m with { WaitingBytes = -1 }, "WaitingBytes is -1");
        yield return Memory("a line less", m => m with { Waiting = 1 }, "gives more lines of 'pump-1' than the 1 that it says wait");
        yield return Memory("a line more", m => m with { LastPosition = 9, Waiting = 3 }, "gives 2 lines of 'pump-1', and says that 3 wait");

        static TestCaseData Case(string name, Func<ClaimedSession, ClaimedSession> change, string rule) => new TestCaseData(change, rule).SetArgDisplayNames(name);
        static TestCaseData Memory(string name, Func<SessionMemory, SessionMemory> change, string rule) =>
            Case(name, claimed => claimed with { Memory = change(claimed.Memory) }, rule);
    }

    /// <summary>Changes of the line "two" at position 2.</summary>
    private static IEnumerable<TestCaseData> Lines()
    {
        yield return Case("no text", l => l with { Text = null! }, "position 2 of 'pump-1' has no text");
        yield return Case("LF", l => l with { Text = "a\n\u001b[2Jb" }, @"position 2 of 'pump-1' ('a\n\u{1b}[2Jb'): A line must not hold a line feed (one is at index 1)");
        yield return Case("half a surrogate", l => l with { Text = "a\ud83d" }, "position 2 of 'pump-1' ('a\ufffd'): A line must be valid text");
        yield return Case("too long", l => l with { Text = new string('x', 4_001) }, "at most 4000 bytes of UTF-8 (MaxLineBytes); this one has 4001.");
        yield return Case("key", l => l with { Key = "" }, "position 2 of 'pump-1' has a key ('') that is empty");
        yield return Case("long key", l => l with { Key = new string('k', 129) }, "that has 129 bytes of UTF-8, the limit is 128");
        yield return Case("zero", l => l with { Position = 0 }, "position 0 of 'pump-1' comes after position 1");
        yield return Case("negative", l => l with { Position = -7 }, "position -7 of 'pump-1' comes after position 1");
        yield return Case("twice", l => l with { Position = 1 }, "position 1 of 'pump-1' comes after position 1");
        yield return Case("beyond the last", l => l with { Position = 3 }, "position 3 of 'pump-1' is beyond the last one that was written, 2");

        static TestCaseData Case(string name, Func<StoredLine, StoredLine> change, string rule) => new TestCaseData(change, rule).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Memories))]
    public async Task A_memory_that_cannot_be_is_refused_by_a_client_and_by_a_server(Func<ClaimedSession, ClaimedSession> change, string rule)
    {
        var store = await TwoLinesAsync();
        store.Claimed = change;
        await RefusedAsync(store, rule);
    }

    [TestCaseSource(nameof(Lines))]
    public async Task A_line_that_cannot_be_written_is_refused_by_a_client_and_by_a_server(Func<StoredLine, StoredLine> change, string rule)
    {
        var store = await TwoLinesAsync();
        store.Read = (lines, _) => [.. lines.Select(line => line.Position == 2 ? change(line) : line)];
        await RefusedAsync(store, rule);
    }

    [Test]
    public async Task Lines_that_are_no_list_or_more_than_were_asked_for_are_refused()
    {
        var store = await TwoLinesAsync();
        store.Read = (_, _) => null!;
        await RefusedAsync(store, "gives nothing when its lines are read");
        store.Read = (lines, _) => [.. Enumerable.Repeat(lines[0], 4_097)];
        await RefusedAsync(store, "gives 4097 lines, and 4096 were asked for");
    }

    [TestCase("", 17_000, 5, "has a key ('') that is empty")]
    [TestCase("k", 5, 5, "position 5 of 'pump-1' comes after position 16384")]
    [TestCase("k", 90_000, 5, "position 90000 of 'pump-1' is beyond the last one that was written, 17000")]
    [TestCase("k", 17_000, -1, "the key at position 17000 of 'pump-1' has a line of -1 bytes")]
    public async Task A_key_that_cannot_be_is_refused(string key, long position, int bytes, string rule)
    {
        var store = await TwoLinesAsync(lines: 17_000);
        store.ReadKeys = _ => [new(key, position, bytes)];
        await RefusedAsync(store, rule);
        store.ReadKeys = _ => null!;
        await RefusedAsync(store, "gives nothing when its keys are read");
    }

    /// <summary>
    /// The link is as if the store could not be read, says so once, and goes on when the line is mended.
    /// </summary>
    [TestCaseSource(nameof(Lines))]
    public void A_line_that_is_read_later_is_never_sent_and_the_link_heals(Func<StoredLine, StoredLine> change, string rule)
    {
        var store = new LyingStore();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var received = new List<string>();
        var server = network.AddServer(app: (process, _) => process.Links.SelectMany(l => l.Lines).Subscribe(received.Add));
        var pump = network.AddDevice(Id, server, o => o with { SessionStore = store, OutboxLines = 1, MaxWaitingWrites = 0 });
        var notices = new List<LinkNotice>();
        pump.Link.Notices.Subscribe(notices.Add);
        var outage = pump.Path.Refuse();
        foreach (var line in new[] { "one", "two", "three" }[..(rule.Contains("beyond", StringComparison.Ordinal) ? 2 : 3)])
            pump.Link.Writer.OnNext(line);
        store.Read = (lines, _) => [.. lines.Select(line => line.Position == 2 ? change(line) : line)];
        outage.Dispose();
        network.RunFor(30.s());
        var (before, fault) = (received.ToArray(), pump.Link.Counters.Outbox);
        store.Read = null;
        network.RunFor(30.s());

        Assert.Multiple(() =>
        {
            Assert.That(before, Is.EqualTo(new[] { "one" }));
            Assert.That(fault, Is.AtLeast(1));
            Assert.That(notices.Select(n => n.Kind), Is.EqualTo(new[] { LinkNoticeKind.StoreFailed, LinkNoticeKind.StoreWorks }));
            Assert.That(notices[0].Error, Is.InstanceOf<SessionStoreException>().With.Property("Fault").EqualTo(SessionStoreFault.Damaged));
            Assert.That(notices[0].Detail, Does.Contain(rule));
            Assert.That(received, Is.EqualTo(new[] { "one", "two", "three" }.Take(received.Count)).And.Count.AtLeast(2));
            Assert.That(pump.Link.Counters.Outbox, Is.Zero);
        });
    }

    [Test]
    public void A_line_that_was_removed_and_comes_back_is_not_sent()
    {
        var store = new LyingStore();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var received = new List<string>();
        var server = network.AddServer(app: (process, _) => process.Links.SelectMany(l => l.Lines).Subscribe(received.Add));
        var pump = network.AddDevice(Id, server, o => o with { SessionStore = store, OutboxLines = 4, MaxWaitingWrites = 1 });
        var notices = new List<LinkNotice>();
        pump.Link.Notices.Subscribe(notices.Add);
        var outage = pump.Path.Refuse();
        foreach (var line in new[] { "1", "2", "3", "4" })
            pump.Link.Writer.OnNext(line);
        pump.Link.Write("taken back").Subscribe().Dispose();
        network.RunFor(1.s());
        pump.Link.Writer.OnNext("6");
        network.RunFor(1.s());
        store.Read = (lines, after) => after < 5 ? [new(5, "taken back"), .. lines] : lines;
        outage.Dispose();
        network.RunFor(30.s());
        Assert.That(notices.Select(n => n.Detail), Has.One.Contains("gives more lines of 'pump-1' than wait"));
        store.Read = null;
        network.RunFor(30.s());

        Assert.That(received, Is.EqualTo(new[] { "1", "2", "3", "4", "6" }));
        Assert.That(pump.Link.Counters.Outbox, Is.Zero);
    }

    [Test]
    public void A_batch_that_is_answered_with_nothing_is_not_kept_and_the_link_heals()
    {
        var store = new LyingStore();
        using var network = SimulatedNetwork.On(new TestScheduler());
        var received = new List<string>();
        var server = network.AddServer(app: (process, _) => process.Links.SelectMany(l => l.Lines).Subscribe(received.Add));
        var pump = network.AddDevice(Id, server, o => o with { SessionStore = store });
        network.RunFor(1.s());
        var notices = new List<LinkNotice>();
        pump.Link.Notices.Subscribe(notices.Add);
        store.AnswersNull = true;
        pump.Link.Writer.OnNext("one");
        network.RunFor(10.s());
        Assert.That(received, Is.Empty);
        store.AnswersNull = false;
        network.RunFor(30.s());

        Assert.That(received, Is.EqualTo(new[] { "one" }));
        Assert.That(notices.Select(n => n.Kind), Is.EqualTo(new[] { LinkNoticeKind.StoreFailed, LinkNoticeKind.StoreWorks }));
        Assert.That(notices[0].Error, Is.InstanceOf<SessionStoreException>().With.Message.Contains("gives nothing when a batch is written"));
    }

    private static async Task<LyingStore> TwoLinesAsync(int lines = 2)
    {
        var store = new LyingStore { Of = Id };
        var (claim, _) = await store.Kept.ClaimAsync(Id);
        await store.Kept.WriteAsync([new(claim, new(SessionRecordKind.Begin, Epoch: 5))]);
        string[] texts = ["one", "two"];
        await store.Kept.WriteAsync([.. Enumerable.Range(1, lines).Select(n => new SessionWrite(claim, new(SessionRecordKind.Add, n, Text: n > 2 ? "more" : texts[n - 1])))]);
        return store;
    }

    private static async Task RefusedAsync(LyingStore store, string rule)
    {
        var thrown = (await Assert.ThrowsAsync<SessionStoreException>(async () => await IotLinkClient.OpenAsync(new IotLinkClientOptions { Host = "h", Id = Id, SessionStore = store })))!;
        Assert.That(thrown.Message, Does.StartWith("The session store of 'pump-1' ").And.Contain(rule));
        Assert.That(thrown.Message, Does.Match(@"\. [A-Z][^.]*\.$"), "it says what to do");
        Assert.That(thrown.Fault, Is.EqualTo(SessionStoreFault.Damaged));
        Assert.That(thrown.Message.Any(char.IsControl), Is.False);

        using var bench = new ServerBench(o => o with { SessionStore = store });
        var refusals = new List<LinkChange>();
        bench.Server.Changes.Subscribe(refusals.Add);
        Assert.That(bench.Connect(ServerBench.Opening("00000000000000aa", id: Id)).Take(), Is.EqualTo(["IOTLINK/2 no code=overloaded retry=1000\n"]));
        Assert.That(bench.Server.Counters.Refused[Refusal.StoreFailed], Is.EqualTo(1));
        Assert.That(bench.Connect(ServerBench.Opening("00000000000000ab", id: "good")).Take()[0], Does.StartWith("IOTLINK/2 ok "));
        bench.Run(TimeSpan.FromSeconds(1));
        Assert.That(refusals.Single(c => c.Kind == LinkChangeKind.Refused).Detail, Does.Contain(rule));
    }
}
