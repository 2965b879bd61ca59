using System.Reactive.Concurrency;
using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>
/// Lines are handed out, and reported as accepted, many at a time: what is acknowledged is still what every observer
/// has had, all of it, and nothing else.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class AcceptedTogetherTests : IDisposable
{
    private readonly ManualResetEventSlim released = new();
    private readonly EventLoopScheduler observers = new();
    private readonly ScriptedPeer peer = new(() => 0);
    private readonly Link link;

    public AcceptedTogetherTests()
    {
        var options = new IotLinkServerOptions { Scheduler = new HistoricalScheduler(), ObserverScheduler = observers };
        link = new Link("1", options, version: 2, new ProtocolFactory(options, Role.Server, "1") { Random = bytes => bytes.Fill(1) }.Create);
        link.TryServe(peer, new ClientOpening("1", 1, new SessionOffer(Epoch: 2, Tx: 1, Peer: null, Rx: 0, Seen: 0, Window: 256, Max: 4_000), Nonce: null));
        peer.Take();
    }

    public void Dispose()
    {
        released.Set();
        link.Close();
        observers.Dispose();
        released.Dispose();
    }

    [Test]
    public async Task An_observer_that_blocks_does_not_hold_back_the_acknowledgement_of_the_lines_before_it()
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        link.Lines.Subscribe(line =>
        {
            if (line != "third")
                return;
            entered.SetResult();
            released.Wait();
        });
        peer.Say("+0001first\n+0002second\n+0003third\n+0004fourth\n");
        await entered.Task.Within("the observer blocks");

        peer.Say("\n");

        Assert.That(peer.Take(), Is.EqualTo(["=0002\n"]));
        Assert.That(link.Counters, Is.EqualTo(link.Counters with { LinesReceived = 2, Inbox = 2 }));
    }

    [Test]
    public async Task Bytes_and_text_are_the_same_lines_in_the_same_order_and_acknowledged_once()
    {
        var text = new Recorder<string>();
        var utf8 = new Recorder<string>();
        link.Utf8Lines.Subscribe(line => utf8.OnNext(System.Text.Encoding.UTF8.GetString(line.Span)));
        link.Lines.Subscribe(text);

        peer.Say("+0001un\n+0002été\n-sans promesse\n+0003\n");

        Assert.That(await text.TakeAsync(4), Is.EqualTo(["un", "été", "sans promesse", ""]));
        Assert.That(await utf8.TakeAsync(4), Is.EqualTo(["un", "été", "sans promesse", ""]));
    }

    [Test]
    public async Task Best_effort_lines_that_the_output_had_no_room_for_are_reported_when_they_are_sent_and_not_with_the_next_keepalive()
    {
        // The connection of this fixture is given up, so that lines gather.
        peer.Fin();
        var writes = Enumerable.Range(0, 1_000).Select(_ => link.WriteAsync(new string('x', 100), Delivery.BestEffort)).ToList();
        using var next = new ScriptedPeer(() => 0);
        link.TryServe(next, new ClientOpening("1", 2, new SessionOffer(Epoch: 2, Tx: 1, Peer: null, Rx: 0, Seen: 0, Window: 256, Max: 4_000), Nonce: null));

        await Task.WhenAll(writes).Within("the clock stands still, so no keepalive comes");
        Assert.That(link.Counters.BestEffortSent, Is.EqualTo(1_000));
    }

    [TestCase(new byte[] { 0x61, 0x0a, 0x62 }, "line feed")]
    [TestCase(new byte[] { 0x61, 0xff }, "UTF-8")]
    public async Task What_is_no_line_is_not_written(byte[] utf8, string rule)
    {
        var refused = await Assert.ThrowsAsync<ArgumentException>(async () => await link.WriteUtf8Async(utf8));

        Assert.That(refused!.Message, Does.Contain(rule));
        Assert.That(peer.Take(), Is.Empty);
    }

    [Test]
    public async Task A_line_written_as_bytes_is_kept_until_it_is_acknowledged_whatever_becomes_of_the_bytes()
    {
        var bytes = "hello"u8.ToArray();
        var write = link.WriteUtf8Async(bytes).AsTask();
        bytes.AsSpan().Fill((byte)'?');

        Assert.That(peer.Take(), Is.EqualTo(["+0001hello\n"]));
        Assert.That(write.IsCompleted, Is.False);
        peer.Say("=0001\n");
        await write.Within();
    }
}
