using System.Text;
using MQTTnet;
using NUnit.Framework;
using Rx.IotLink.Mqtt;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.Mqtt;

/// <summary>Messages of a real broker for devices.</summary>
public sealed class MessagesTests : MqttTest
{
    private const string Down = "iotlink/pump-1/down";

    [Test]
    public async Task Each_is_written_exactly_once_and_in_order_though_the_network_is_cut_all_the_time([Values] bool isKept)
    {
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "nothing");
        var proxy = StartProxy(broker);
        var server = await StartServerAsync(ServerOptions with { SessionStore = isKept ? new MemorySessionStore() : null });
        var gateway = StartGateway(server, GatewayOptions(proxy.EndPoint));
        var client = StartClient(server, "pump-1");
        var heard = client.Lines.Record();
        await client.WaitUntilUpAsync().Within();
        await ConnectedAsync(gateway);
        var publishing = Task.Run(async () =>
        {
            foreach (var line in Numbered(300))
                await watcher.PublishAsync(Down, line);
        });
        while (heard.Values.Count < 300)
        {
            var before = heard.Values.Count;
            await Bound.EventuallyAsync(() => heard.Values.Count >= Math.Min(300, before + 10));
            proxy.Kill(reset: before % 2 == 0, lostTail: TimeSpan.FromMilliseconds(before % 5));
        }

        await publishing.Within();
        await ConnectedAsync(gateway);
        await watcher.PublishAsync(Down, "last");
        await heard.FirstAsync(line => line == "last");
        Assert.That(heard.Values, Is.EqualTo([.. Numbered(300), "last"]));
        await Bound.EventuallyAsync(() => gateway.Counters.Written == 301);
        Assert.That(gateway.Counters.Connections, Is.GreaterThan(4));
    }

    [Test]
    public async Task The_broker_keeps_them_while_our_process_is_killed()
    {
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "iotlink/state");
        using var folder = new TemporaryFolder();
        var port = FreePort.Get();
        IotLinkProcess Serve() => IotLinkProcess.Start("serve", "--port", port.Text(), "--mqtt", $"mqtt://{broker.EndPoint}", "--store", folder["store"]);
        var serving = Serve();
        var client = StartClient(ClientOptions(new(System.Net.IPAddress.Loopback, port), "pump-1"));
        var heard = client.Lines.Record();
        await client.WaitUntilUpAsync().Within();
        await serving.EventAsync("messages for devices: connected");
        var publishing = Task.Run(async () =>
        {
            foreach (var line in Numbered(400))
                await watcher.PublishAsync(Down, line);
        });
        for (var kills = 0; kills < 3; kills++)
        {
            var before = heard.Values.Count;
            await heard.UntilAsync(all => all.Count > before + 50 || all.Contains("line 400"));
            await serving.DisposeAsync();
            serving = Serve();
        }

        await using var last = serving;
        await publishing.Within();
        await heard.FirstAsync(line => line == "line 400");
        Assert.That(heard.Values.Distinct(), Is.EqualTo(Numbered(400)), "none is lost, and the first of each comes in order");
        await TestContext.Out.WriteLineAsync($"{heard.Values.Count - 400} repeats after 3 kills");
    }

    [Test]
    public async Task Those_that_are_no_lines_are_refused_and_harm_no_other()
    {
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "nothing");
        var server = await StartServerAsync();
        var gateway = StartGateway(server, broker);
        var notices = gateway.Notices.Record();
        var client = StartClient(server, "pump-1");
        var heard = client.Lines.Record();
        await client.WaitUntilUpAsync().Within();
        await ConnectedAsync(gateway);
        foreach (var quality in new[] { 0, 1, 2 })
        {
            await watcher.PublishAsync(Down, "two\nlines", quality);
            await watcher.PublishAsync(Down, [0xff, 0xfe], quality);
            await watcher.PublishAsync(Down, new string('x', 4_001), quality);
        }

        await watcher.PublishAsync(Down, "good");
        Assert.That(await heard.TakeAsync(1), Is.EqualTo(new[] { "good" }));
        var told = (await notices.UntilAsync(all => all.Count(n => n.Kind == MqttNoticeKind.MessageRefused) == 9)).Where(n => n.Kind == MqttNoticeKind.MessageRefused).Select(n => n.Detail).ToArray();
        Assert.That(told.Take(3), Is.EqualTo(new[]
        {
            "a message for 'pump-1' is refused: A line must not hold a line feed (one is at byte 3): it would forge a second line.",
            "a message for 'pump-1' is refused: A line must be valid UTF-8: this one is not.",
            "a message for 'pump-1' is refused: A line must have at most 4000 bytes of UTF-8 (MaxLineBytes); this one has 4001.",
        }));
        // It is counted when it is written, and the device may have it before.
        await Bound.EventuallyAsync(() => gateway.Counters is { MessagesRefused: 9, Written: 1 });
    }

    [Test]
    public async Task One_for_a_device_that_nobody_knows_waits_after_the_start_and_is_refused_then()
    {
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "nothing");
        var server = await StartServerAsync();
        var gateway = StartGateway(server, GatewayOptions(broker.EndPoint) with { RefuseAfter = TimeSpan.FromSeconds(3) });
        var notices = gateway.Notices.Record();
        await ConnectedAsync(gateway);
        await watcher.PublishAsync(Down, "early");
        await watcher.PublishAsync("iotlink/nobody\u202e/down", "lost");
        var client = StartClient(server, "pump-1");
        Assert.That(await client.Lines.Record().TakeAsync(1), Is.EqualTo(new[] { "early" }));
        var refused = await notices.FirstAsync(n => n.Kind == MqttNoticeKind.MessageRefused);
        Assert.That(refused.Detail, Does.StartWith(@"a message for 'nobody\u{202e}' is refused: "));
    }

    /// <summary>A device that is away, and whose messages nobody limits, holds up no other.</summary>
    [Test]
    public async Task One_for_an_outbox_without_room_is_refused()
    {
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "nothing");
        var server = await StartServerAsync(ServerOptions with { Expected = ["pump-1"], OutboxLines = 10, MaxWaitingWrites = 10 });
        var gateway = StartGateway(server, broker);
        var notices = gateway.Notices.Record();
        await ConnectedAsync(gateway);
        var other = StartClient(server, "pump-2");
        await other.WaitUntilUpAsync().Within();
        var heard = other.Lines.Record();
        foreach (var line in Numbered(40))
            await watcher.PublishAsync(Down, line);
        await watcher.PublishAsync("iotlink/pump-2/down", "here");
        await heard.TakeAsync(1);
        await notices.FirstAsync(n => n.Kind == MqttNoticeKind.MessageRefused);
        var refused = gateway.Counters.MessagesRefused;
        Assert.That(refused, Is.InRange(15, 30), "those that found room wait");
        var late = StartClient(server, "pump-1");
        Assert.That(await late.Lines.Record().TakeAsync((int)(40 - refused)), Is.EqualTo(Numbered((int)(40 - refused))));
    }

    [Test]
    public async Task A_retained_one_is_not_written_again_with_each_connection()
    {
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "nothing");
        await watcher.PublishAsync(Down, "of the past", retain: true);
        var server = await StartServerAsync();
        var gateway = StartGateway(server, broker);
        var client = StartClient(server, "pump-1");
        var heard = client.Lines.Record();
        await client.WaitUntilUpAsync().Within();
        await ConnectedAsync(gateway);
        await watcher.PublishAsync(Down, "now");
        Assert.That(await heard.TakeAsync(1), Is.EqualTo(new[] { "now" }));
    }
}
