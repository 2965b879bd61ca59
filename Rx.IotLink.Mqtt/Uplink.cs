using System.Globalization;
using System.Text;
using MQTTnet.Packets;
using MQTTnet.Protocol;
using Rx.IotLink.Mqtt.Broker;
using Rx.IotLink.Server;

namespace Rx.IotLink.Mqtt;

/// <summary>
/// What goes to the broker: lines, states, and descriptions for Home Assistant. Its session begins with the process:
/// packet ids of an earlier one would make new messages look like repetitions.
/// </summary>
internal sealed class Uplink : IBrokerUser
{
    public const string StateUp = "up";
    public const string StateDown = "down";

    private readonly MqttGatewayOptions options;
    private readonly Topics topics;
    private readonly Action<MqttNoticeKind, string> notify;
    private readonly Outgoing outgoing;
    private readonly DeviceStates states;
    private readonly Discovery? discovery;
    private bool hasBegun;
    private long dropped;

    public Uplink(IotLinkServer server, MqttGatewayOptions options, Topics topics, Action<MqttNoticeKind, string> notify)
    {
        (this.options, this.topics, this.notify) = (options, topics, notify);
        outgoing = new(options.MaxInFlight);
        discovery = options.DiscoveryPrefix is { } prefix ? new(prefix, topics) : null;
        states = new(server, topics, PublishAsync, discovery);
    }

    public string Name => "lines of devices";

    public Outgoing Outgoing => outgoing;

    public DeviceStates States => states;

    /// <summary>Best-effort lines that found no connection.</summary>
    public long Dropped => Interlocked.Read(ref dropped);

    public MqttConnectPacket Hello() => new()
    {
        ClientId = options.ClientIdOrDefault + "-up",
        CleanSession = !hasBegun,
        SessionExpiryInterval = (uint)options.SessionExpiry.TotalSeconds,
        KeepAlivePeriod = (ushort)options.KeepAlive.TotalSeconds,
        Username = options.UserName,
        Password = options.Password is null ? null : Encoding.UTF8.GetBytes(options.Password),
        WillFlag = true,
        WillTopic = topics.OfGateway,
        WillMessage = Encoding.UTF8.GetBytes(StateDown),
        WillQoS = MqttQualityOfServiceLevel.AtLeastOnce,
        WillRetain = true,
    };

    public async Task BeginAsync(BrokerConnection connection)
    {
        if (outgoing.Begin(connection))
            notify(MqttNoticeKind.SessionLost, "the broker has lost its session: lines that were under way are published again, and may come twice");
        hasBegun = true;
        _ = TellAsync(Retained(topics.OfGateway, StateUp), first: true);
        if (connection.Answer.IsSessionPresent)
            return;
        // A broker that has lost this has lost what was retained, perhaps. And an earlier process may have left a
        // device as up that is not.
        discovery?.Forget();
        states.PublishAll();
        await connection.SendAsync(new MqttSubscribePacket
        {
            PacketIdentifier = Outgoing.LastId + 1,
            TopicFilters = [new() { Topic = topics.AllStates, NoLocal = true, RetainHandling = MqttRetainHandling.SendAtSubscribe }],
        }).ConfigureAwait(false);
    }

    public Task ReceivedAsync(BrokerConnection connection, MqttPacket packet)
    {
        switch (packet)
        {
            case MqttPubAckPacket acknowledged:
                outgoing.Acknowledged(acknowledged);
                break;
            case MqttPubRecPacket received:
                outgoing.Received(received);
                break;
            case MqttPubCompPacket completed:
                outgoing.Completed(completed);
                break;
            case MqttPublishPacket { Retain: true, QualityOfServiceLevel: MqttQualityOfServiceLevel.AtMostOnce } state when topics.IdOfState(state.Topic) is { } id:
                states.Found(id, isUp: !state.Payload.IsEmpty && state.Payload.FirstSpan.SequenceEqual("up"u8));
                break;
        }

        return Task.CompletedTask;
    }

    public void Lost() => outgoing.Lost();

    /// <summary>Completes when the broker has the line: then it is acknowledged to its device.</summary>
    public async Task PublishAsync(ReceivedLine line)
    {
        foreach (var description in discovery?.Of(line) ?? [])
            _ = TellAsync(description);
        var packet = new MqttPublishPacket
        {
            Topic = topics.Up(line.DeviceId),
            Payload = new(line.Utf8),
            UserProperties = [new("epoch", Bytes(line.Line.Epoch.ToString("x16", CultureInfo.InvariantCulture))), new("number", Bytes(line.Line.Number.ToString(CultureInfo.InvariantCulture)))],
        };
        if (line.Delivery == Delivery.ExactlyOnce)
            await outgoing.PublishAsync(packet).ConfigureAwait(false);
        else if (!await outgoing.TrySendAsync(packet).ConfigureAwait(false))
            Interlocked.Increment(ref dropped);
        options.Published?.Invoke(line);
    }

    /// <summary>Publishes that the gateway ends, as the last will would.</summary>
    public Task EndAsync() => TellAsync(Retained(topics.OfGateway, StateDown));

    private Task PublishAsync(string topic, string payload) => TellAsync(Retained(topic, payload));

    /// <summary>Publishes what is no line. A refusal is reported, and not tried again.</summary>
    private async Task TellAsync(MqttPublishPacket packet, bool first = false)
    {
        try
        {
            await outgoing.PublishAsync(packet, first).ConfigureAwait(false);
        }
        catch (PublishRefusedException refused)
        {
            notify(MqttNoticeKind.PublishRefused, $"{packet.Topic}: {refused.Message}");
        }
        catch (OperationCanceledException)
        {
            // The gateway has ended.
        }
    }

    /// <summary>A message that the broker keeps for later subscribers. Empty: it keeps none any more.</summary>
    internal static MqttPublishPacket Retained(string topic, string payload) => new() { Topic = topic, Payload = new(Encoding.UTF8.GetBytes(payload)), Retain = true };

    private static ReadOnlyMemory<byte> Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
