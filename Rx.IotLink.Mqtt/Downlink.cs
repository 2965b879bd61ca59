using System.Buffers;
using System.Collections.Concurrent;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Text;
using System.Threading.Channels;
using MQTTnet.Packets;
using MQTTnet.Protocol;
using Rx.IotLink.Mqtt.Broker;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Mqtt;

/// <summary>
/// What comes from the broker for devices. The broker keeps the session while this process is away. A message is
/// acknowledged when its line is in the outbox of its device, in the session store if there is one; the broker gets
/// acknowledgements in the order of its messages.
/// </summary>
/// <param name="options">Which broker, and the limits.</param>
/// <param name="topics">The topics of the fleet.</param>
/// <param name="writer">Writes messages to devices.</param>
/// <param name="turn">When servers share the fleet: whose turn it is.</param>
/// <param name="holds">Learns whether this server takes the messages.</param>
internal sealed class Downlink(MqttGatewayOptions options, Topics topics, MessageWriter writer, Turn? turn, Action<bool> holds) : IBrokerUser
{
    private readonly IStopwatch clock = options.Scheduler.StartStopwatch();

    // Messages of QoS 2 from their arrival until the broker has released their ids: one that comes again under its id
    // is the same message. They outlive connections.
    private readonly ConcurrentDictionary<ushort, Task<MqttPubRecReasonCode>> taken = new();
    private Channel<Arrival>? arrivals;
    private int loose;
    private BrokerConnection? held;
    private IDisposable? beating;
    private TimeSpan? heardAt;

    public string Name => "messages for devices";

    public Task ReadyAsync(CancellationToken cancellationToken) => turn?.ComesAsync(cancellationToken) ?? Task.CompletedTask;

    public MqttConnectPacket Hello()
    {
        var hello = Plain();
        if (turn is not null)
        {
            hello.WillFlag = true;
            hello.WillTopic = topics.OfGateway;
            hello.WillMessage = Encoding.UTF8.GetBytes(Uplink.StateDown);
            hello.WillRetain = true;
            hello.WillDelayInterval = (uint)Turn.WillDelay.TotalSeconds;
            hello.WillUserProperties = [Sign(turn)];
        }

        return hello;
    }

    /// <summary>Says that this server gives the messages up.</summary>
    public Task ResignAsync() => turn is not null && held is { } connection ? connection.SendAsync(Said(turn, topics.OfGateway, Uplink.StateDown, isKept: true)) : Task.CompletedTask;

    /// <summary>The broker has published an old last will: this server is there all the same.</summary>
    public Task ContradictAsync() => turn is not null && held is { } connection ? connection.SendAsync(Said(turn, topics.OfGateway, Uplink.StateUp, isKept: true)) : Task.CompletedTask;

    private MqttConnectPacket Plain() => new()
    {
        ClientId = options.ClientIdOrDefault + "-down",
        CleanSession = false,
        SessionExpiryInterval = (uint)options.SessionExpiry.TotalSeconds,
        KeepAlivePeriod = (ushort)options.KeepAlive.TotalSeconds,
        ReceiveMaximum = (ushort)options.MaxInFlight,
        MaximumPacketSize = (uint)Math.Max(writer.MaxLineBytes, 1_024) + 65_536,
        Username = options.UserName,
        Password = options.Password is null ? null : Encoding.UTF8.GetBytes(options.Password),
    };

    /// <summary>Whether the broker has answered the subscription.</summary>
    public bool IsReady { get; private set; }

    public async Task BeginAsync(BrokerConnection connection)
    {
        IsReady = false;
        // Where another server may have had the session meanwhile, an id may be that of another message.
        if (!connection.Answer.IsSessionPresent || (turn is not null && !(clock.Elapsed - heardAt < Turn.WillDelay)))
            taken.Clear();
        writer.Resume();
        // The broker has no more under way than it was allowed to.
        arrivals = Channel.CreateUnbounded<Arrival>(new() { SingleReader = true, SingleWriter = true });
        _ = AcknowledgeAsync(connection, arrivals.Reader);
        await connection.SendAsync(new MqttSubscribePacket
        {
            PacketIdentifier = 1,
            // A message that is retained is one of the past: it would be written again with each connection.
            TopicFilters = [new() { Topic = topics.AllDown, QualityOfServiceLevel = connection.Answer.MaximumQoS, RetainHandling = MqttRetainHandling.DoNotSendOnSubscribe }],
        }).ConfigureAwait(false);
        if (turn is not null)
            await BeginTurnAsync(turn, connection).ConfigureAwait(false);
    }

    public async Task ReceivedAsync(BrokerConnection connection, MqttPacket packet)
    {
        heardAt = clock.Elapsed;
        switch (packet)
        {
            case MqttSubAckPacket { ReasonCodes: [>= MqttSubscribeReasonCode.UnspecifiedError and var refused] } answer:
                throw new IOException($"the broker refuses the subscription: {Words.Of(refused.ToString(), answer.ReasonString)}");
            case MqttSubAckPacket:
                IsReady = true;
                break;
            case MqttPublishPacket message:
                Take(message);
                break;
            case MqttPubRelPacket released:
                var isKnown = taken.TryRemove(released.PacketIdentifier, out _);
                await connection.SendAsync(new MqttPubCompPacket
                {
                    PacketIdentifier = released.PacketIdentifier,
                    ReasonCode = isKnown ? MqttPubCompReasonCode.Success : MqttPubCompReasonCode.PacketIdentifierNotFound,
                }).ConfigureAwait(false);
                break;
        }
    }

    public void Lost()
    {
        arrivals?.Writer.TryComplete();
        if (Interlocked.Exchange(ref held, null) is not { } ended)
            return;
        beating?.Dispose();
        // The one that has it now does not know what this one has written.
        if (ended.WasTakenOver)
            heardAt = null;
        holds(false);
    }

    private async Task BeginTurnAsync(Turn its, BrokerConnection connection)
    {
        // Behind the subscription: who sees it may publish.
        await connection.SendAsync(Said(its, topics.OfGateway, Uplink.StateUp, isKept: true)).ConfigureAwait(false);
        await connection.SendAsync(Said(its, topics.OfTurn, Uplink.StateUp, isKept: false)).ConfigureAwait(false);
        held = connection;
        beating = Observable.Interval(Turn.Beat, options.Scheduler)
            .Subscribe(tick => _ = connection.SendAsync(Said(its, topics.OfTurn, Uplink.StateUp, isKept: false)).IgnoreAsync());
        holds(true);
    }

    /// <summary>
    /// Of QoS 0: what is sent on a connection comes in order, and before its last will.
    /// </summary>
    private static MqttPublishPacket Said(Turn its, string topic, string state, bool isKept)
    {
        var message = Uplink.Retained(topic, state);
        message.Retain = isKept;
        message.UserProperties = [Sign(its)];
        return message;
    }

    private static MqttUserProperty Sign(Turn its) => new(Turn.Sign, Encoding.UTF8.GetBytes(its.Node));

    private void Take(MqttPublishPacket message)
    {
        var id = message.PacketIdentifier;
        switch (message.QualityOfServiceLevel)
        {
            case MqttQualityOfServiceLevel.AtMostOnce:
                _ = WriteLooseAsync(message);
                break;
            case MqttQualityOfServiceLevel.AtLeastOnce:
                arrivals!.Writer.TryWrite(new(id, IsReleased: false, WriteAsync(message)));
                break;
            default:
                // One that has failed is written when it comes again.
                if (!taken.TryGetValue(id, out var writing) || writing.IsFaulted || writing.IsCanceled)
                    taken[id] = writing = WriteAsync(message);
                arrivals!.Writer.TryWrite(new(id, IsReleased: true, writing));
                break;
        }
    }

    /// <summary>Nothing bounds how many messages of QoS 0 the broker sends, so this does.</summary>
    private async Task WriteLooseAsync(MqttPublishPacket message)
    {
        try
        {
            if (Interlocked.Increment(ref loose) <= options.MaxInFlight)
                await WriteAsync(message).ConfigureAwait(false);
            else
                writer.Refuse(topics.IdOfDown(message.Topic) ?? "", $"{options.MaxInFlight} messages of QoS 0 are being written already", MqttPubRecReasonCode.QuotaExceeded);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The server has stopped, or the gateway has.
        }
        finally
        {
            Interlocked.Decrement(ref loose);
        }
    }

    private Task<MqttPubRecReasonCode> WriteAsync(MqttPublishPacket message)
    {
        if (topics.IdOfDown(message.Topic) is not { } id)
            return Task.FromResult(MqttPubRecReasonCode.TopicNameInvalid);
        var utf8 = message.Payload.ToArray();
        try
        {
            LineText.Check(utf8, writer.MaxLineBytes);
        }
        catch (ArgumentException fault)
        {
            return Task.FromResult(writer.Refuse(id, fault.Message.Split(" (Parameter", 2)[0], MqttPubRecReasonCode.PayloadFormatInvalid));
        }

        return writer.WriteAsync(id, Encoding.UTF8.GetString(utf8), message.MessageExpiryInterval);
    }

    private async Task AcknowledgeAsync(BrokerConnection connection, ChannelReader<Arrival> from)
    {
        try
        {
            await foreach (var arrival in from.ReadAllAsync().ConfigureAwait(false))
            {
                var reason = await arrival.Writing.ConfigureAwait(false);
                // The broker is free to give the id of a message that is refused to another one.
                if (reason >= MqttPubRecReasonCode.UnspecifiedError)
                    taken.TryRemove(new(arrival.Id, arrival.Writing));
                await connection.SendAsync(arrival.IsReleased
                    ? new MqttPubRecPacket { PacketIdentifier = arrival.Id, ReasonCode = reason }
                    : new MqttPubAckPacket { PacketIdentifier = arrival.Id, ReasonCode = (MqttPubAckReasonCode)reason }).ConfigureAwait(false);
            }
        }
        catch (Exception exception)
        {
            connection.Break(exception.GetBaseException().Message);
        }
    }

    private sealed record Arrival(ushort Id, bool IsReleased, Task<MqttPubRecReasonCode> Writing);
}
