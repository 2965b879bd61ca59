using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>Observers that block for ever: they harm the link they observe, and no other; and not even its liveness.</summary>
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
        var server = await StartServerAsync(ServerOptions with { Timeout = TimeSpan.FromSeconds(2) });
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
    public async Task A_link_with_blocked_observers_still_sends_and_tells_its_state_to_others()
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
