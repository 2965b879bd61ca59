using System.Buffers;
using System.Collections.Concurrent;
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
internal sealed class Downlink(MqttGatewayOptions options, Topics topics, MessageWriter writer) : IBrokerUser
{
    // Messages of QoS 2 from their arrival until the broker has released their ids: one that comes again under its id
    // is the same message. They outlive connections.
    private readonly ConcurrentDictionary<ushort, Task<MqttPubRecReasonCode>> taken = new();
    private Channel<Arrival>? arrivals;
    private int loose;

    public string Name => "messages for devices";

    public MqttConnectPacket Hello() => new()
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

    public Task BeginAsync(BrokerConnection connection)
    {
        if (!connection.Answer.IsSessionPresent)
            taken.Clear();
        writer.Resume();
        // The broker has no more under way than it was allowed to.
        arrivals = Channel.CreateUnbounded<Arrival>(new() { SingleReader = true, SingleWriter = true });
        _ = AcknowledgeAsync(connection, arrivals.Reader);
        return connection.SendAsync(new MqttSubscribePacket
        {
            PacketIdentifier = 1,
            // A message that is retained is one of the past: it would be written again with each connection.
            TopicFilters = [new() { Topic = topics.AllDown, QualityOfServiceLevel = connection.Answer.MaximumQoS, RetainHandling = MqttRetainHandling.DoNotSendOnSubscribe }],
        });
    }

    public async Task ReceivedAsync(BrokerConnection connection, MqttPacket packet)
    {
        switch (packet)
        {
            case MqttSubAckPacket { ReasonCodes: [>= MqttSubscribeReasonCode.UnspecifiedError and var refused] } answer:
                throw new IOException($"the broker refuses the subscription: {Words.Of(refused.ToString(), answer.ReasonString)}");
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

    public void Lost() => arrivals?.Writer.TryComplete();

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
        catch (IOException)
        {
            // The server has stopped.
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
