using MQTTnet.Packets;

namespace Rx.IotLink.Mqtt.Broker;

/// <summary>What goes on over one of the connections to the broker. Its calls come one at a time.</summary>
internal interface IBrokerUser
{
    /// <summary>What a sentence calls the connection.</summary>
    string Name { get; }

    /// <summary>Completes when the next connection may be made.</summary>
    Task ReadyAsync(CancellationToken cancellationToken);

    /// <summary>The first packet of the next connection.</summary>
    MqttConnectPacket Hello();

    /// <summary>The broker has answered: the connection is up.</summary>
    Task BeginAsync(BrokerConnection connection);

    /// <summary>Whether the broker has granted what this connection needs. False until it has answered.</summary>
    bool IsReady { get; }

    /// <summary>A packet of the broker.</summary>
    Task ReceivedAsync(BrokerConnection connection, MqttPacket packet);

    /// <summary>The connection has ended.</summary>
    void Lost();
}
