using System.Net;
using Rx.IotLink.Mqtt;
using Rx.IotLink.Server;
using Rx.IotLink.Testing.Tcp;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Mqtt;

/// <summary>A test with a real broker, a real server and real devices.</summary>
public abstract class MqttTest : ServerTest
{
    private protected async Task<Mosquitto> StartBrokerAsync(string more = "", params (string Name, string Text)[] files) => Own(await Mosquitto.StartAsync(more, files));

    private protected async Task<Watcher> WatchAsync(Mosquitto broker, string topics = "#") => Own(await Watcher.ConnectAsync(broker.EndPoint, topics));

    private protected FaultProxy StartProxy(Mosquitto broker) => Own(FaultProxy.Start(broker.EndPoint));

    private protected static MqttGatewayOptions GatewayOptions(IPEndPoint at) => new()
    {
        Host = at.Address.ToString(),
        Port = at.Port,
        BackOff = new BackOff { Initial = TimeSpan.FromMilliseconds(10), Cap = TimeSpan.FromMilliseconds(100) },
    };

    private protected MqttGateway StartGateway(IotLinkServer server, MqttGatewayOptions options) => Own(MqttGateway.Start(server, options));

    private protected MqttGateway StartGateway(IotLinkServer server, Mosquitto broker) => StartGateway(server, GatewayOptions(broker.EndPoint));

    private protected static Task ConnectedAsync(MqttGateway gateway) => Bound.EventuallyAsync(() => gateway.Counters is { IsConnected: true, Connections: >= 2 });

    private protected static string[] Numbered(int count, string what = "line") => [.. Enumerable.Range(1, count).Select(n => $"{what} {n}")];

    /// <summary>What a subscriber keeps that drops repeats by their names.</summary>
    private protected static IEnumerable<string> Once(IEnumerable<Message> messages, string topic) =>
        messages.Where(m => m.Topic == topic).DistinctBy(m => m.Name).Select(m => m.Text);
}
