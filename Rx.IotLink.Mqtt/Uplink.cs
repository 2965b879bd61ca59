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
    private readonly Turn? turn;
    private readonly Action contradict;
    private volatile BrokerConnection? current;
    private volatile bool holds;
    private bool hasBegun;
    private long dropped;

    /// <summary>Creates it; nothing is sent before its connection is up.</summary>
    /// <param name="devices">Whose states are published.</param>
    /// <param name="options">Which broker, and the limits.</param>
    /// <param name="topics">The topics of the fleet.</param>
    /// <param name="turn">
    /// When servers share the fleet: which of them takes messages for devices. That one publishes the states, too.
    /// </param>
    /// <param name="contradict">Says that this server is there, though its last will was published.</param>
    /// <param name="notify">Takes what operators should know.</param>
    public Uplink(IKnownDevices devices, MqttGatewayOptions options, Topics topics, Turn? turn, Action contradict, Action<MqttNoticeKind, string> notify)
    {
        (this.options, this.topics, this.turn, this.contradict, this.notify) = (options, topics, turn, contradict, notify);
        outgoing = new(options.MaxInFlight);
        discovery = options.DiscoveryPrefix is { } prefix ? new(prefix, topics) : null;
        states = new(devices, topics, PublishAsync, discovery);
    }

    public string Name => "lines of devices";

    public Outgoing Outgoing => outgoing;

    public DeviceStates States => states;

    /// <summary>Best-effort lines that found no connection.</summary>
    public long Dropped => Interlocked.Read(ref dropped);

    public Task ReadyAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public MqttConnectPacket Hello()
    {
        var hello = new MqttConnectPacket
        {
            ClientId = $"{options.ClientIdOrDefault}{(turn is null ? "" : "-" + turn.Node)}-up",
            CleanSession = !hasBegun,
            SessionExpiryInterval = (uint)options.SessionExpiry.TotalSeconds,
            KeepAlivePeriod = (ushort)options.KeepAlive.TotalSeconds,
            Username = options.UserName,
            Password = options.Password is null ? null : Encoding.UTF8.GetBytes(options.Password),
        };
        if (turn is null)
        {
            hello.WillFlag = true;
            hello.WillTopic = topics.OfGateway;
            hello.WillMessage = Encoding.UTF8.GetBytes(StateDown);
            hello.WillQoS = MqttQualityOfServiceLevel.AtLeastOnce;
            hello.WillRetain = true;
        }

        return hello;
    }

    public async Task BeginAsync(BrokerConnection connection)
    {
        if (outgoing.Begin(connection))
            notify(MqttNoticeKind.SessionLost, "the broker has lost its session: lines that were under way are published again, and may come twice");
        hasBegun = true;
        current = connection;
        if (turn is null)
            _ = TellAsync(Retained(topics.OfGateway, StateUp), first: true);
        if (turn is not null)
        {
            turn.Begin();
            await connection.SendAsync(Subscription([topics.OfGateway, topics.OfTurn])).ConfigureAwait(false);
        }

        if (connection.Answer.IsSessionPresent)
            return;
        // A broker that has lost this has lost what was retained, perhaps. And an earlier process may have left a
        // device as up that is not.
        discovery?.Forget();
        states.PublishAll();
        if (turn is null || holds)
            await FindStatesAsync().ConfigureAwait(false);
    }

    /// <summary>Servers share the fleet, and this one publishes the states from now on, or no more.</summary>
    public void Hold(bool isHeld)
    {
        holds = isHeld;
        if (isHeld)
            states.Begin();
        else
            states.End();
    }

    /// <summary>Has the broker say which states it keeps.</summary>
    public Task FindStatesAsync() => current?.SendAsync(Subscription([topics.AllStates])) ?? Task.CompletedTask;

    // It waits for no subscription: what it asks for is retained, or is said again.
    public bool IsReady => true;

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
            case MqttPublishPacket sign when turn is not null && (sign.Topic == topics.OfGateway || sign.Topic == topics.OfTurn):
                Saw(turn, sign);
                break;
            case MqttPublishPacket { Retain: true, QualityOfServiceLevel: MqttQualityOfServiceLevel.AtMostOnce } state when topics.IdOfState(state.Topic) is { } id:
                states.Found(id, IsUp(state));
                break;
        }

        return Task.CompletedTask;
    }

    public void Lost()
    {
        current = null;
        outgoing.Lost();
        turn?.Lost();
    }

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
    public Task EndAsync() => turn is null ? TellAsync(Retained(topics.OfGateway, StateDown)) : Task.CompletedTask;

    private void Saw(Turn its, MqttPublishPacket sign)
    {
        var by = sign.UserProperties?.Find(property => property.Name == Turn.Sign) is { } property ? Encoding.UTF8.GetString(property.ValueBuffer.Span) : "";
        var isUp = IsUp(sign);
        its.Saw(by, isUp);
        if (!isUp && holds)
            contradict();
    }

    private static bool IsUp(MqttPublishPacket state) => !state.Payload.IsEmpty && state.Payload.FirstSpan.SequenceEqual("up"u8);

    private static MqttSubscribePacket Subscription(string[] to) => new()
    {
        PacketIdentifier = Outgoing.LastId + 1,
        TopicFilters = [.. to.Select(topic => new MqttTopicFilter { Topic = topic, NoLocal = true, RetainHandling = MqttRetainHandling.SendAtSubscribe })],
    };

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
