using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>WriteAsync, Write and DrainAsync.</summary>
public sealed class WriteTests : ServerTest
{
    [Test]
    public async Task A_write_completes_when_the_peer_has_accepted_it_and_not_before()
    {
        var (peer, link) = await LinkThatIsUpAsync();
        var (task, observed) = (link.WriteAsync("one"), Written(link, "two").Record());
        Assert.That(await peer.HearLineAsync(), Is.EqualTo("00one"));
        Assert.That(task.IsCompleted, Is.False);
        await peer.SayAsync("00\n");
        await task.Within();
        Assert.That(await peer.HearLineAsync(), Is.EqualTo("01two"));
        Assert.That(observed.Values, Is.Empty);
        await peer.SayAsync("01\n");

        await observed.Ended.Within();
        Assert.That(observed.Values, Has.Count.EqualTo(1));
        Assert.That((link.Counters.LinesWritten, link.Counters.LinesAcknowledged), Is.EqualTo((2L, 2L)));
    }

    [Test]
    public async Task Beyond_outbox_and_waiting_writes_a_write_fails_until_there_is_room_again()
    {
        var server = await StartServerAsync(ServerOptions with { OutboxLines = 2, MaxWaitingWrites = 3 });
        var peer = await JoinAsync(server);
        var link = server.Find("1")!;
        var writes = Enumerable.Range(0, 5).Select(i => link.WriteAsync($"{i}")).ToList();

        Assert.That(
            async () => await link.WriteAsync("too many").Within(),
            Throws.InstanceOf<OutboxFullException>().With.Message.EqualTo("The outbox of link '1' is full: OutboxLines + MaxWaitingWrites is 5 lines."));

        await peer.SayAsync("\n");
        Assert.That(await peer.HearLineAsync(), Is.EqualTo("000"));
        await peer.SayAsync("00\n");
        await writes[0].Within();
        Assert.That(link.WriteAsync("there is room").IsFaulted, Is.False);
        Assert.That(link.Counters.Outbox, Is.EqualTo(5));
    }

    [Test]
    public async Task A_line_taken_back_before_it_was_sent_never_arrives()
    {
        var (peer, link) = await LinkThatIsUpAsync();
        using var cancel = new CancellationTokenSource();
        _ = link.WriteAsync("first");
        var (back, backToo) = (link.WriteAsync("back", cancellationToken: cancel.Token), Written(link, "back too").Subscribe());
        var last = link.WriteAsync("last");
        Assert.That(await peer.HearLineAsync(), Is.EqualTo("00first"));

        await cancel.CancelAsync();
        backToo.Dispose();

        Assert.That(async () => await back.Within(), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(link.Counters.Outbox, Is.EqualTo(2));
        await peer.SayAsync("00\n");
        Assert.That(await peer.HearLineAsync(), Is.EqualTo("01last"));
        await peer.SayAsync("01\n");
        await last.Within();
        await link.DrainAsync().Within();
    }

    [Test]
    public async Task A_line_that_was_sent_is_not_taken_back_but_nobody_waits_for_it()
    {
        var (peer, link) = await LinkThatIsUpAsync();
        using var cancel = new CancellationTokenSource();
        var write = link.WriteAsync("sent", cancellationToken: cancel.Token);
        Assert.That(await peer.HearLineAsync(), Is.EqualTo("00sent"));

        await cancel.CancelAsync();

        Assert.That(async () => await write.Within(), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(link.Counters.Outbox, Is.EqualTo(1), "still on its way");
        await peer.SayAsync("00\n");
        await link.DrainAsync().Within();
        Assert.That(link.Counters.LinesAcknowledged, Is.EqualTo(1));
    }

    [Test]
    public async Task A_token_that_is_cancelled_already_writes_nothing()
    {
        var (_, link) = await LinkThatIsUpAsync();

        Assert.That(async () => await link.WriteAsync("never", cancellationToken: new CancellationToken(canceled: true)).Within(), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await link.WriteAsync("never", new CancellationToken(canceled: true)).Within(), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(link.Counters.LinesWritten, Is.Zero);
    }

    [Test]
    public async Task Best_effort_completes_when_it_is_sent_and_waits_for_an_outage_to_end()
    {
        var server = await StartServerAsync();
        var peer = await JoinAsync(server);
        var link = server.Find("1")!;
        peer.Dispose();
        await link.State.FirstAsync(s => !s.IsUp);
        var write = link.WriteAsync("now or never", Delivery.BestEffort);
        Assert.That(write.IsCompleted, Is.False);
        peer = await JoinAsync(server);
        await peer.SayAsync("\n");

        await write.Within();

        Assert.That(await peer.HearLineAsync(), Is.EqualTo("00now or never"));
        Assert.That((link.Counters.BestEffortSent, link.Counters.LinesWritten), Is.EqualTo((1L, 0L)));
    }

    /// <summary>
    /// Cancelled while they are sent, from another thread: what is reported must be true of each line, whoever comes
    /// first.
    /// </summary>
    [Test]
    public async Task What_is_reported_of_cancelled_writes_is_true()
    {
        const int Rounds = 20;
        const int Lines = 100;
        var server = await StartServerAsync();
        var client = StartClient(server);
        var received = (await server.WaitForAsync("1").Within()).Lines.Record();
        var outcomes = new List<(string Line, Task Write)>();
        for (var round = 0; round < Rounds; round++)
        {
            var tokens = Enumerable.Range(0, Lines).Select(_ => new CancellationTokenSource()).ToList();
            var cancelling = Task.Run(() => tokens.ForEach(token => token.Cancel()));
            for (var i = 0; i < Lines; i++)
            {
                var line = $"{round}-{i} {new string('x', 1_000)}";
                outcomes.Add((line, client.WriteAsync(line, cancellationToken: tokens[i].Token)));
            }

            await cancelling.Within();
            await client.DrainAsync().Within();
        }

        await Task.WhenAll(outcomes.Select(o => o.Write)).ContinueWith(_ => { }, TaskScheduler.Default).Within();
        var arrived = received.Values.ToHashSet(StringComparer.Ordinal);
        Assert.That(received.Values, Has.Count.EqualTo(arrived.Count), "none twice");
        foreach (var (line, write) in outcomes)
        {
            // What had been sent was not lost on the way here, and all was drained.
            var arrives = write.IsCompletedSuccessfully || (await Assert.ThrowsAsync<WriteCancelledException>(() => write))!.WasSent;
            Assert.That(arrived.Contains(line), Is.EqualTo(arrives), line[..8]);
        }
    }

    // Not in attributes, which cannot hold half of a surrogate pair.
    private static readonly IEnumerable<TestCaseData> BadLines =
    [
        new TestCaseData("").SetArgDisplayNames("empty"),
        new TestCaseData("two\nlines").SetArgDisplayNames("line feed"),
        new TestCaseData("\udc00").SetArgDisplayNames("half a surrogate pair"),
        new TestCaseData("ééééé").SetArgDisplayNames("too long"),
        new TestCaseData([null]).SetArgDisplayNames("null"),
    ];

    [TestCaseSource(nameof(BadLines))]
    public async Task A_line_that_breaks_a_rule_is_refused_before_anything_is_sent(string? line)
    {
        var server = await StartServerAsync(ServerOptions with { MaxLineBytes = 9 });
        await JoinAsync(server);
        var link = server.Find("1")!;

        Assert.That(async () => await link.WriteAsync(line!).Within(), Throws.InstanceOf<ArgumentException>().With.Property("ParamName").EqualTo("line"));
        Assert.That(() => Written(link, line!), Throws.InstanceOf<ArgumentException>(), "at the call");
        Assert.That(link.Counters.LinesWritten, Is.Zero);
    }

    [Test]
    public async Task Draining_waits_for_all_that_was_written_and_for_nothing_else()
    {
        var (peer, link) = await LinkThatIsUpAsync();
        await link.DrainAsync().Within();
        var write = link.WriteAsync("one");
        using var cancel = new CancellationTokenSource();
        var (drain, cancelled) = (link.DrainAsync(), link.DrainAsync(cancel.Token));
        await cancel.CancelAsync();
        Assert.That(async () => await cancelled.Within(), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(drain.IsCompleted, Is.False);
        Assert.That(await peer.HearLineAsync(), Is.EqualTo("00one"));
        await peer.SayAsync("00\n");

        await drain.Within();
        await write.Within();
    }

    [Test]
    public async Task Closing_ends_all_who_wait()
    {
        var (_, link) = await LinkThatIsUpAsync();
        var (write, drain, observed) = (link.WriteAsync("one"), link.DrainAsync(), Written(link, "two").ToTask());

        ((IDisposable)link).Dispose();

        foreach (var waiting in (Task[])[write, drain, observed])
            Assert.That(async () => await waiting.Within(), Throws.InstanceOf<LinkClosedException>().With.Property("Id").EqualTo("1"));
    }

    /// <summary>A link whose messages flow: its peer has spoken.</summary>
    private async Task<(RawPeer Peer, ILink Link)> LinkThatIsUpAsync()
    {
        var server = await StartServerAsync();
        var peer = await JoinAsync(server);
        await peer.SayAsync("\n");
        return (peer, server.Find("1")!);
    }
}
