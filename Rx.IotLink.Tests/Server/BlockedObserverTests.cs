using System.Reactive.Linq;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>
/// Observers that block for ever: they harm the link they observe, and no other; and not even its liveness.
/// </summary>
/// <remarks>Alone: they take the threads that call the observers of the whole process.</remarks>
[Parallelizable(ParallelScope.None)]
public sealed class BlockedObserverTests : ServerTest
{
    /// <summary>More than the thread pool has to spare, on a small machine too.</summary>
    private static readonly int Blocked = Math.Max(40, 3 * Environment.ProcessorCount);

    private readonly ManualResetEventSlim released;

    public BlockedObserverTests() => released = Own(new ManualResetEventSlim());

    [TearDown]
    public void Release() => released.Set();

    [Test]
    public async Task Blocked_observers_of_lines_delay_no_keepalive_no_other_link_and_no_outage()
    {
        // The good peer answers no keepalive: its line must be acknowledged within this time, on a busy machine too.
        var server = await StartServerAsync(ServerOptions with { Timeout = TimeSpan.FromSeconds(5) });
        var peers = await Task.WhenAll(Enumerable.Range(0, Blocked).Select(i => JoinAsync(server, $"{i}")));
        var entered = peers.Select((_, i) => Block(server.Find($"{i}")!.Lines)).ToList();
        foreach (var peer in peers)
            await peer.SayAsync("00blocks\n");
        await Task.WhenAll(entered).Within("every observer blocks");

        // Each keepalive is answered, so that the link lives as long as the keepalives come.
        await Task.WhenAll(peers.Select(AnswerKeepalivesAsync));
        var good = await JoinAsync(server, "good");
        var goodLines = server.Find("good")!.Lines.Record();
        await good.SayAsync("00acknowledged\n");
        Assert.That(await good.HearLineAsync(), Is.EqualTo("00"));
        Assert.That(goodLines.Values, Is.EqualTo(["acknowledged"]));

        // Now all are silent.
        foreach (var i in Enumerable.Range(0, Blocked))
            Assert.That((await server.Find($"{i}")!.State.FirstAsync(s => !s.IsUp)).Outage!.Reason, Is.EqualTo(OutageReason.Silence));
        foreach (var peer in peers)
            Assert.That(await peer.HearToEndAsync(), Is.Empty, "no acknowledgement of what is not accepted");
    }

    [Test]
    public async Task A_link_with_blocked_observers_still_sends_and_gives_its_state_to_others()
    {
        var server = await StartServerAsync();
        var peer = await JoinAsync(server);
        var link = server.Find("1")!;
        var states = link.State.Record();
        var entered = Task.WhenAll(
            Block(link.State.Skip(1)),
            Block(link.Heartbeat),
            Block(link.Heard),
            Block(link.Notices),
            Block(server.Changes),
            Block(link.Lines));
        link.Writer.OnError(new InvalidOperationException("a notice"));
        await peer.SayAsync("\n00line\n");
        var write = link.WriteAsync("sent all the same");
        Assert.That(await peer.HearLineAsync(), Is.EqualTo("00sent all the same"));
        await peer.SayAsync("00\n");
        await write.Within();

        peer.Dispose();

        await states.FirstAsync(s => !s.IsUp);
        await entered.Within("every observer blocks");
        await JoinAsync(server);
        await states.FirstAsync(s => s is { IsUp: true, Connections: 2 });
        Assert.That(server.Links.Record().Values, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_client_with_a_blocked_observer_stays_connected()
    {
        var server = await StartServerAsync(ServerOptions with { Timeout = TimeSpan.FromSeconds(2) });
        var client = StartClient(ClientOptions(server.EndPoint) with { Timeout = TimeSpan.FromSeconds(2) });
        var entered = Block(client.Lines);
        var link = await server.WaitForAsync("1").Within();
        var beats = link.Heartbeat.Record();
        var write = link.WriteAsync("blocks");
        await entered.Within("the observer blocks");

        var before = beats.Values.Count;
        await beats.TakeAsync(before + 5);

        Assert.That(write.IsCompleted, Is.False);
        Assert.That(link.Counters.Outages, Is.Zero);
        released.Set();
        await write.Within();
    }

    [Test]
    public async Task An_observer_that_blocks_until_the_server_has_stopped_does_not_stop_it_from_stopping()
    {
        var server = await StartServerAsync();
        var peer = await JoinAsync(server);
        var entered = Block(server.Find("1")!.Lines);
        await peer.SayAsync("00blocks\n");
        await entered.Within();

        await server.StopAsync().Within();

        Assert.That(await peer.HearToEndAsync(), Is.Empty);
    }

    /// <summary>More than there ever were threads for, once: 256 for all links together.</summary>
    [Test]
    public async Task However_many_links_have_blocked_observers_other_links_the_log_and_the_streams_of_the_server_go_on()
    {
        const int Links = 300;
        var server = await StartServerAsync();
        var (changes, rows, links) = (server.Changes.Record(), server.ObserveConnections().Record(), server.Links.Record());
        var peers = await Task.WhenAll(Enumerable.Range(0, Links).Select(i => JoinAsync(server, $"{i}")));
        var entered = peers.Select((_, i) => Block(server.Find($"{i}")!.Lines)).ToList();
        foreach (var peer in peers)
            await peer.SayAsync("00blocks\n");
        await Task.WhenAll(entered).Within("every observer blocks");

        var good = await JoinAsync(server, "good");
        var link = server.Find("good")!;
        var (lines, states) = (link.Lines.Record(), link.State.Record());
        await good.SayAsync("00acknowledged\n");

        Assert.That(await good.HearLineAsync(), Is.EqualTo("00"));
        Assert.That(lines.Values, Is.EqualTo(["acknowledged"]));
        good.Dispose();
        await states.FirstAsync(s => s.Status == LinkStatus.Down);
        await links.FirstAsync(l => l.Id == "good");
        await changes.FirstAsync(c => c is { Id: "good", Kind: LinkChangeKind.Down });
        await rows.FirstAsync(r => r is { Id: "good", IsUp: false, State.Connections: 1 });
        await Log.Entries.FirstAsync(e => e.Id == 21 && e.Text.StartsWith("good is down", StringComparison.Ordinal));
    }

    /// <summary>What the application hangs up at one link is that link's affair, whatever it is.</summary>
    [Test]
    public async Task One_link_whose_observers_all_block_takes_no_threads_from_others_nor_from_the_log()
    {
        const int Observers = 300;
        var server = await StartServerAsync();
        var changes = server.Changes.Record();
        var peer = await JoinAsync(server);
        var link = server.Find("1")!;
        var entered = Enumerable.Range(0, Observers).Select(_ => Block(link.State.Skip(1))).ToList();
        peer.Dispose();
        await Task.WhenAny(entered).Within("some block");

        var good = await JoinAsync(server, "good");
        var lines = server.Find("good")!.Lines.Record();
        await good.SayAsync("00acknowledged\n");

        Assert.That(await good.HearLineAsync(), Is.EqualTo("00"));
        Assert.That(lines.Values, Is.EqualTo(["acknowledged"]));
        await changes.FirstAsync(c => c is { Id: "1", Kind: LinkChangeKind.Down });
        await Log.Entries.FirstAsync(e => e.Id == 21 && e.Text.StartsWith("1 is down", StringComparison.Ordinal));
        released.Set();
        await Task.WhenAll(entered).Within("all of them are called in the end");
    }

    /// <summary>Each end's observer waits for a write that the other's would accept after its own.</summary>
    [Test]
    public async Task Two_observers_that_wait_for_each_other_are_reported_at_both_ends()
    {
        var server = await StartServerAsync(ServerOptions with { SlowObserverAfter = Short });
        var client = StartClient(ClientOptions(server.EndPoint) with { SlowObserverAfter = Short });
        var link = await server.WaitForAsync("1").Within();
        var (atServer, atClient) = (link.Notices.Record(), client.Notices.Record());
        var writes = new List<Task>();
        WriteBackAndWait(link);
        WriteBackAndWait(client);

        var first = Task.WhenAll(link.WriteAsync("to the client"), client.WriteAsync("to the server"));

        foreach (var notices in (Recorder<LinkNotice>[])[atServer, atClient])
            await notices.FirstAsync(n => n.Kind == LinkNoticeKind.ObserverSlow);
        Assert.That(first.IsCompleted, Is.False);
        Assert.That((link.Counters.SlowObservers, client.Counters.SlowObservers), Is.EqualTo((1L, 1L)));
        Assert.That((await Log.Entries.FirstAsync(e => e.Text.Contains("ObserverSlow", StringComparison.Ordinal))).Level, Is.EqualTo(LogLevel.Warning));

        void WriteBackAndWait(ILink end) => end.Lines.Subscribe(line =>
        {
            var write = end.WriteAsync($"{line} and back");
            lock (writes)
                writes.Add(write);
            WaitHandle.WaitAny([((IAsyncResult)write).AsyncWaitHandle, released.WaitHandle]);
        });
    }

    /// <summary>Completes when the observer is blocked.</summary>
    private Task Block<T>(IObservable<T> source)
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        source.Subscribe(_ =>
        {
            entered.TrySetResult();
            released.Wait();
        });
        return entered.Task;
    }

    private static async Task AnswerKeepalivesAsync(RawPeer peer)
    {
        for (var i = 0; i < 3; i++)
        {
            Assert.That(await peer.HearAsync(), Is.Empty, "a keepalive");
            await peer.SayAsync("\n");
        }
    }
}
