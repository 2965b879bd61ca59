using NUnit.Framework;
using Rx.IotLink.Mqtt;
using Rx.IotLink.Server;
using Rx.IotLink.Testing.Tcp;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.Mqtt;

/// <summary>Lines of devices at a real broker, whatever is cut or killed.</summary>
public sealed class LinesTests : MqttTest
{
    [Test]
    public async Task They_are_messages_in_order_with_their_names()
    {
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "iotlink/+/up");
        var server = await StartServerAsync();
        StartGateway(server, broker);
        var (one, two) = (StartClient(server, "pump-1"), StartClient(server, "pump-2"));
        await Task.WhenAll(Numbered(100).SelectMany(line => new[] { one.WriteAsync(line), two.WriteAsync(line) })).Within();
        var seen = await watcher.Seen.TakeAsync(200);
        foreach (var topic in new[] { "iotlink/pump-1/up", "iotlink/pump-2/up" })
        {
            Assert.That(seen.Where(m => m.Topic == topic).Select(m => m.Text), Is.EqualTo(Numbered(100)));
            Assert.That(seen.Where(m => m.Topic == topic).Select(m => m.Name.Split('/')[1]), Is.EqualTo(Enumerable.Range(1, 100).Select(n => n.Text())));
        }

        Assert.That(seen.DistinctBy(m => (m.Topic, m.Name)).Count(), Is.EqualTo(200));
    }

    [Test]
    public async Task They_are_acknowledged_only_when_the_broker_has_them()
    {
        var broker = await StartBrokerAsync();
        await broker.StopAsync();
        var server = await StartServerAsync();
        var gateway = StartGateway(server, broker);
        var notices = gateway.Notices.Record();
        var client = StartClient(server, "pump-1");
        var writing = client.WriteAsync("waits");
        await Bound.EventuallyAsync(() => gateway.Counters.Waiting >= 1);
        await notices.FirstAsync(n => n.Kind == MqttNoticeKind.ConnectFailed);
        Assert.That(writing.IsCompleted, Is.False);
        Assert.That(server.GetConnections().Single().Counters.Inbox, Is.EqualTo(1), "it is not accepted");
        await broker.RunAsync();
        await writing.Within();
    }

    [Test]
    public async Task A_network_that_is_cut_all_the_time_loses_repeats_and_reorders_none()
    {
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "iotlink/+/up");
        var proxy = StartProxy(broker);
        var server = await StartServerAsync();
        var gateway = StartGateway(server, GatewayOptions(proxy.EndPoint));
        string[] ids = ["pump-1", "pump-2", "pump-3"];
        var clients = ids.Select(id => StartClient(server, id)).ToArray();
        var all = Task.WhenAll(Numbered(200).SelectMany(line => clients.Select(client => client.WriteAsync(line))));
        var cuts = 0;
        while (!all.IsCompleted)
        {
            var before = gateway.Counters.Published;
            await Bound.EventuallyAsync(() => all.IsCompleted || gateway.Counters.Published > before + 10);
            // What was on its way in either direction is lost: messages, or the broker's word that it has them.
            proxy.Kill(reset: cuts % 2 == 0, lostTail: TimeSpan.FromMilliseconds(cuts % 5));
            cuts++;
        }

        await all.Within();
        var seen = await watcher.Seen.TakeAsync(600);
        foreach (var id in ids)
            Assert.That(seen.Where(m => m.Topic == $"iotlink/{id}/up").Select(m => m.Text), Is.EqualTo(Numbered(200)), $"{cuts} cuts");
        Assert.That(watcher.Seen.Values, Has.Count.EqualTo(600), "no message came twice");
        Assert.That(gateway.Counters.PublishedAgain, Is.GreaterThan(0), "some were under way when it was cut");
        Assert.That(gateway.Counters.PublishedAnew, Is.Zero);
        await TestContext.Out.WriteLineAsync($"{cuts} cuts, {gateway.Counters}");
    }

    [Test]
    public async Task A_broker_that_restarts_in_order_loses_and_reorders_none()
    {
        var broker = await StartBrokerAsync();
        await KillBrokerAsync(broker, broker.StopAsync);
    }

    [Test]
    public async Task A_broker_that_is_killed_loses_none_and_repeats_only_under_the_same_name()
    {
        var broker = await StartBrokerAsync();
        await KillBrokerAsync(broker, broker.KillAsync);
    }

    private async Task KillBrokerAsync(Mosquitto broker, Func<Task> end)
    {
        var watcher = await WatchAsync(broker, "iotlink/+/up");
        var proxy = StartProxy(broker);
        var server = await StartServerAsync();
        var gateway = StartGateway(server, GatewayOptions(proxy.EndPoint));
        string[] ids = ["pump-1", "pump-2", "pump-3", "pump-4"];
        var clients = ids.Select(id => StartClient(server, id)).ToArray();
        var all = Task.WhenAll(Numbered(150).SelectMany(line => clients.Select(client => client.WriteAsync(line))));
        for (var round = 0; round < 5; round++)
        {
            var before = gateway.Counters.Published;
            await Bound.EventuallyAsync(() => all.IsCompleted || gateway.Counters.Published > before + 60);
            await end();
            // The subscriber is back before the gateway: a broker keeps nothing for one that it has forgotten.
            proxy.Away();
            await broker.RunAsync();
            await watcher.ConnectAsync("iotlink/+/up");
            proxy.Heal();
        }

        await all.Within();
        await watcher.Seen.UntilAsync(seen => seen.DistinctBy(m => (m.Topic, m.Name)).Count() >= 600, "600 lines");
        foreach (var id in ids)
            Assert.That(Once(watcher.Seen.Values, $"iotlink/{id}/up"), Is.EqualTo(Numbered(150)));
        Assert.That(watcher.Seen.Values.GroupBy(m => (m.Topic, m.Name)).Select(same => same.Select(m => m.Text).Distinct().Count()), Is.All.EqualTo(1));
        await TestContext.Out.WriteLineAsync($"{watcher.Seen.Values.Count - 600} repeats, {gateway.Counters}");
    }

    [Test]
    public async Task Our_process_that_is_killed_loses_none_and_repeats_only_under_the_same_name()
    {
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "iotlink/+/up");
        using var folder = new TemporaryFolder();
        var port = FreePort.Get();
        IotLinkProcess Serve() => IotLinkProcess.Start("serve", "--port", port.Text(), "--mqtt", $"mqtt://{broker.EndPoint}", "--store", folder["store"]);
        var serving = Serve();
        var client = StartClient(ClientOptions(new(System.Net.IPAddress.Loopback, port), "pump-1"));
        var all = Task.WhenAll(Numbered(600).Select(line => client.WriteAsync(line)));
        for (var kills = 0; kills < 3; kills++)
        {
            var before = watcher.Seen.Values.Count;
            await watcher.Seen.UntilAsync(seen => seen.Count > before + 100 || all.IsCompleted);
            await serving.DisposeAsync();
            serving = Serve();
        }

        await using var last = serving;
        await all.Within();
        await watcher.Seen.UntilAsync(seen => seen.DistinctBy(m => m.Name).Count() >= 600);
        Assert.That(Once(watcher.Seen.Values, "iotlink/pump-1/up"), Is.EqualTo(Numbered(600)));
        await TestContext.Out.WriteLineAsync($"{watcher.Seen.Values.Count - 600} repeats");
    }

    [Test]
    public async Task A_broker_without_QoS_2_gets_them_with_QoS_1()
    {
        var broker = await StartBrokerAsync("max_qos 1");
        var watcher = await WatchAsync(broker, "iotlink/+/up");
        var proxy = StartProxy(broker);
        var server = await StartServerAsync();
        var gateway = StartGateway(server, GatewayOptions(proxy.EndPoint));
        var client = StartClient(server, "pump-1");
        var all = Task.WhenAll(Numbered(200).Select(line => client.WriteAsync(line)));
        while (!all.IsCompleted)
        {
            var before = gateway.Counters.Published;
            await Bound.EventuallyAsync(() => all.IsCompleted || gateway.Counters.Published > before + 20);
            proxy.Kill(reset: true);
        }

        await all.Within();
        await watcher.Seen.UntilAsync(seen => seen.DistinctBy(m => m.Name).Count() >= 200);
        Assert.That(Once(watcher.Seen.Values, "iotlink/pump-1/up"), Is.EqualTo(Numbered(200)));
    }

    [Test]
    public async Task One_that_the_broker_refuses_waits_and_other_devices_do_not()
    {
        var broker = await StartBrokerAsync("max_packet_size 1000");
        var watcher = await WatchAsync(broker, "iotlink/+/up");
        var server = await StartServerAsync();
        var gateway = StartGateway(server, broker);
        var (large, small) = (StartClient(server, "large"), StartClient(server, "small"));
        var link = await server.WaitForAsync("large").Within();
        var notices = link.Notices.Record();
        var waiting = large.WriteAsync(new string('x', 2_000));
        Assert.That((await notices.FirstAsync(n => n.Kind == LinkNoticeKind.HandlerFailed)).Detail, Does.Contain("PacketTooLarge, it takes packets of at most 1000 bytes"));
        await small.WriteAsync("goes on").Within();
        Assert.That((await watcher.Seen.TakeAsync(1)).Single().Text, Is.EqualTo("goes on"));
        Assert.That(waiting.IsCompleted, Is.False);
        Assert.That(gateway.Counters.PublishRefused, Is.GreaterThan(0));
    }

    [Test]
    public async Task Those_of_best_effort_wait_for_nothing()
    {
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "iotlink/+/up");
        var server = await StartServerAsync();
        var gateway = StartGateway(server, broker);
        var client = StartClient(server, "pump-1");
        await ConnectedAsync(gateway);
        await client.WriteAsync("now", Delivery.BestEffort).Within();
        await watcher.Seen.TakeAsync(1);
        await broker.StopAsync();
        await Bound.EventuallyAsync(() => !gateway.Counters.IsConnected);
        await client.WriteAsync("never", Delivery.BestEffort).Within();
        await Bound.EventuallyAsync(() => gateway.Counters.Dropped == 1);
    }

    /// <summary>What MQTT gives a meaning to, or forbids.</summary>
    [TestCase("a/b", "a%2Fb")]
    [TestCase("+", "%2B")]
    [TestCase("#", "%23")]
    [TestCase("$SYS/broker", "%24SYS%2Fbroker")]
    [TestCase("50%2F", "50%252F")]
    [TestCase("pümp 1", "p%C3%BCmp%201")]
    [TestCase("a\uffffb", "a%EF%BF%BFb")]
    public async Task An_id_is_one_level_of_a_topic_in_both_directions(string id, string level)
    {
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "iotlink/+/up");
        // An id that is expected may have any form.
        var server = await StartServerAsync(ServerOptions with { Expected = [id] });
        StartGateway(server, broker);
        var client = StartClient(server, id);
        var heard = client.Lines.Record();
        await client.WriteAsync("hello").Within();
        Assert.That((await watcher.Seen.TakeAsync(1)).Single().Topic, Is.EqualTo($"iotlink/{level}/up"));
        await watcher.PublishAsync($"iotlink/{level}/down", "and back");
        Assert.That(await heard.TakeAsync(1), Is.EqualTo(new[] { "and back" }));
    }
}
