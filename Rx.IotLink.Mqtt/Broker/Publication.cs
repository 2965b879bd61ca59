using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace Rx.IotLink.Mqtt.Broker;

/// <summary>A message on its way to the broker, from the call that publishes it until the broker has it.</summary>
internal sealed class Publication(MqttPublishPacket packet)
{
    // Bytes of a packet beside its texts and its payload, at most; and of a property beside its texts.
    private const int MostHeaderBytes = 64;
    private const int MostPropertyBytes = 8;

    private readonly TaskCompletionSource completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public MqttPublishPacket Packet => packet;

    /// <summary>Completes when the broker has it; fails if the broker refuses it.</summary>
    public Task Task => completion.Task;

    /// <summary>
    /// The broker has said that it has received it (QoS 2): now it must be released, and never be sent again.
    /// </summary>
    public bool IsReceived { get; set; }

    /// <summary>Whether it was sent on the connection that is up.</summary>
    public bool IsOnWire { get; set; }

    /// <summary>An upper bound of its bytes.</summary>
    public long MostBytes => MostHeaderBytes + (3L * packet.Topic.Length) + packet.Payload.Length
        + (packet.UserProperties?.Sum(p => MostPropertyBytes + (3L * p.Name.Length) + p.ValueBuffer.Length) ?? 0);

    /// <summary>Gives it its packet id, with which it may be sent again.</summary>
    public MqttPacket Send(ushort id, MqttQualityOfServiceLevel quality)
    {
        (packet.PacketIdentifier, packet.QualityOfServiceLevel, packet.Dup, IsOnWire) = (id, quality, false, true);
        return packet;
    }

    /// <summary>What is to be sent on another connection of the same session.</summary>
    public MqttPacket SendAgain()
    {
        IsOnWire = true;
        if (IsReceived)
            return new MqttPubRelPacket { PacketIdentifier = packet.PacketIdentifier };
        packet.Dup = true;
        return packet;
    }

    /// <summary>The broker has forgotten it: it is a new message again.</summary>
    public void Renew() => (IsReceived, IsOnWire) = (false, false);

    public void Succeed() => completion.TrySetResult();

    public void Fail(Exception exception) => completion.TrySetException(exception);

    public void Cancel() => completion.TrySetCanceled();
}
