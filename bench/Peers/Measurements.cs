using MQTTnet.Protocol;
using Peers.Mqtt;
using Peers.Nats;
using Peers.SignalR;
using Throughput.Links;
using Throughput.Raw;

namespace Throughput;

/// <summary>All that can be measured. The baseline of each peer is a link of this library.</summary>
internal static class Measurements
{
    public static IReadOnlyList<Measurement> All { get; } = [.. Of(1, 256), .. Of(1, 1), .. Of(100, 1)];

    /// <summary>What is measured at rest.</summary>
    public static IEnumerable<Measurement> AtRest(int connections) => Of(connections, 1).Where(m => m.Name[..5] is "link-" or "mqtt-" or "signa");

    private static IEnumerable<Measurement> Of(int connections, int window)
    {
        var name = connections > 1 ? connections : window;
        var what = $"{connections} {(connections > 1 ? "connections" : "connection")}, {window} in flight";
        yield return new($"raw-{name}", $"raw, {what}", $"link-{name}", _ => new RawWorkload(connections, window));
        yield return new($"link-{name}", $"Rx.IotLink, exactly once, {what}", null, s => window > 1 ? new WindowWorkload(s, window) : new OneAtATimeWorkload(s, connections));
        yield return new($"mqtt-2-{name}", $"MQTTnet, QoS 2, {what}", $"link-{name}", _ => new MqttWorkload(connections, window, MqttQualityOfServiceLevel.ExactlyOnce));
        yield return new($"mqtt-1-{name}", $"MQTTnet, QoS 1, {what}", $"link-{name}", _ => new MqttWorkload(connections, window, MqttQualityOfServiceLevel.AtLeastOnce));
        yield return new($"signalr-{name}", $"SignalR, stateful reconnect, {what}", $"link-{name}", _ => new SignalRWorkload(connections, window));
        if (NatsServer.IsHere)
            yield return new($"nats-{name}", $"NATS JetStream, kept in a file, {what}", $"link-{name}", _ => new NatsWorkload(connections, window));
    }
}
