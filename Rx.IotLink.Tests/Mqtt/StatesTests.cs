using System.Text.Json;
using NUnit.Framework;
using Rx.IotLink.Mqtt;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Mqtt;

/// <summary>What a broker keeps of devices for those that come later.</summary>
public sealed class StatesTests : MqttTest
{
    private const string State = "iotlink/pump-1/state";

    [Test]
    public async Task Each_device_is_up_or_down_for_those_that_come_later_too()
    {
        var broker = await StartBrokerAsync();
        var server = await StartServerAsync();
        StartGateway(server, broker);
        var watcher = await WatchAsync(broker);
        var client = StartClient(server, "pump-1");
        await watcher.HasAsync(State, "up");
        var late = await WatchAsync(broker);
        Assert.That(await late.Seen.FirstAsync(m => m.Topic == State), Is.EqualTo(new Message(State, "up", "/", IsRetained: true)));
        await client.DisposeAsync();
        await watcher.HasAsync(State, "down");
        await server.ForgetAsync("pump-1").Within();
        await watcher.HasAsync(State, "");
        var last = await WatchAsync(broker);
        await last.HasAsync("iotlink/state", "up");
        Assert.That(last.Seen.Values.Select(m => m.Topic), Has.None.EqualTo(State), "nothing is kept of a device that is forgotten");
    }

    [Test]
    public async Task A_gateway_that_is_cut_off_is_down_by_its_last_will_and_up_again()
    {
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "iotlink/state");
        var proxy = StartProxy(broker);
        var server = await StartServerAsync();
        var gateway = StartGateway(server, GatewayOptions(proxy.EndPoint));
        await watcher.HasAsync("iotlink/state", "up");
        proxy.Away();
        await watcher.HasAsync("iotlink/state", "down");
        proxy.Heal();
        await watcher.HasAsync("iotlink/state", "up");
        await gateway.DisposeAsync();
        await watcher.HasAsync("iotlink/state", "down");
    }

    /// <summary>A broker that says nothing, not even that it has ended.</summary>
    [Test]
    public async Task A_broker_that_is_silent_is_found()
    {
        var broker = await StartBrokerAsync();
        var proxy = StartProxy(broker);
        var server = await StartServerAsync();
        var gateway = StartGateway(server, GatewayOptions(proxy.EndPoint) with { KeepAlive = TimeSpan.FromSeconds(1) });
        var notices = gateway.Notices.Record();
        await ConnectedAsync(gateway);
        proxy.Stall();
        Assert.That((await notices.FirstAsync(n => n.Kind == MqttNoticeKind.Disconnected)).Detail, Does.EndWith("the broker has not answered in time"));
        proxy.Heal();
        await ConnectedAsync(gateway);
    }

    [Test]
    public async Task A_state_that_an_earlier_process_has_left_is_corrected()
    {
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker);
        var first = await StartServerAsync();
        var gateway = StartGateway(first, broker);
        var client = StartClient(first, "pump-1");
        await watcher.HasAsync(State, "up");
        await gateway.DisposeAsync();
        await client.DisposeAsync();
        StartGateway(await StartServerAsync(), broker);
        await watcher.HasAsync(State, "down");
    }

    [Test]
    public async Task Members_of_JSON_lines_are_described_for_Home_Assistant()
    {
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "homeassistant/#");
        var server = await StartServerAsync(ServerOptions with { Expected = ["a/b"] });
        StartGateway(server, GatewayOptions(broker.EndPoint) with { DiscoveryPrefix = "homeassistant" });
        var client = StartClient(server, "a/b");
        await client.WriteAsync("no JSON").Within();
        await client.WriteAsync("""{"celsius":21.5,"mode":"auto","a{{evil":1,"nested":{"x":1},"on":true}""").Within();
        await client.WriteAsync("""{"celsius":22}""").Within();
        await client.WriteAsync("""{"broken":1""").Within();
        await client.WriteAsync("""{"last":1}""").Within();
        await watcher.Seen.FirstAsync(m => m.Topic.EndsWith("/last/config", StringComparison.Ordinal));
        Assert.That(watcher.Seen.Values.Select(m => m.Topic), Is.EqualTo(new[]
        {
            "homeassistant/sensor/iotlink_a_2Fb/celsius/config", "homeassistant/sensor/iotlink_a_2Fb/mode/config",
            "homeassistant/sensor/iotlink_a_2Fb/on/config", "homeassistant/sensor/iotlink_a_2Fb/last/config",
        }));
        var celsius = JsonDocument.Parse(watcher.Seen.Values[0].Text).RootElement;
        Assert.Multiple(() =>
        {
            Assert.That(celsius.GetProperty("unique_id").GetString(), Is.EqualTo("iotlink_a_2Fb_celsius"));
            Assert.That(celsius.GetProperty("state_topic").GetString(), Is.EqualTo("iotlink/a%2Fb/up"));
            Assert.That(celsius.GetProperty("state_class").GetString(), Is.EqualTo("measurement"));
            Assert.That(celsius.GetProperty("value_template").GetString(), Is.EqualTo("{{ value_json.celsius if value_json is mapping and 'celsius' in value_json else this.state }}"));
            Assert.That(celsius.GetProperty("availability").EnumerateArray().Select(a => a.GetProperty("topic").GetString()), Is.EqualTo(new[] { "iotlink/state", "iotlink/a%2Fb/state" }));
            Assert.That(celsius.GetProperty("device").GetProperty("name").GetString(), Is.EqualTo("a/b"));
        });
        await server.ForgetAsync("a/b").Within();
        await watcher.HasAsync("homeassistant/sensor/iotlink_a_2Fb/celsius/config", "");
    }
}
