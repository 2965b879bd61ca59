using System.Buffers;
using System.Net;
using System.Text;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.LowLevelClient;
using MQTTnet.Packets;
using MQTTnet.Protocol;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Mqtt;

/// <summary>A message as a subscriber gets it.</summary>
internal sealed record Message(string Topic, string Text, string Name, bool IsRetained)
{
    /// <summary>Which server of a fleet says it; empty: it does not say.</summary>
    public string Node { get; private init; } = "";

    public static Message Of(MqttPublishPacket message)
    {
        string Property(string name) => message.UserProperties?.FirstOrDefault(p => p.Name == name) is { } property ? Encoding.UTF8.GetString(property.ValueBuffer.Span) : "";
        return new(message.Topic, Encoding.UTF8.GetString(message.Payload.ToArray()), $"{Property("epoch")}/{Property("number")}", message.Retain) { Node = Property("node") };
    }
}

/// <summary>A client of others at a broker: it sees what the gateway publishes, and publishes itself.</summary>
internal sealed class Watcher : IAsyncDisposable
{
    private readonly IPEndPoint broker;
    private ILowLevelMqttClient? watching;
    private Task reading = Task.CompletedTask;
    private IMqttClient? publishing;

    private Watcher(IPEndPoint broker) => this.broker = broker;

    /// <summary>All that it has seen, over all of its connections.</summary>
    public Recorder<Message> Seen { get; } = new();

    private MqttClientOptions Options => new MqttClientOptionsBuilder().WithProtocolVersion(MqttProtocolVersion.V500).WithTcpServer(broker.Address.ToString(), broker.Port).Build();

    /// <summary>Connects.</summary>
    /// <param name="broker">The broker.</param>
    /// <param name="topics">
    /// What it sees. With QoS 0: a broker sends that at once, before it acknowledges it to others.
    /// </param>
    public static async Task<Watcher> ConnectAsync(IPEndPoint broker, string topics = "#")
    {
        var watcher = new Watcher(broker);
        await watcher.ConnectAsync(topics);
        return watcher;
    }

    /// <summary>Connects again after the broker has ended, once it has seen all that the broker has sent.</summary>
    public async Task ConnectAsync(string topics = "#")
    {
        await reading.Within("all is read that the broker has sent");
        watching?.Dispose();
        watching = new MqttClientFactory().CreateLowLevelMqttClient();
        await watching.ConnectAsync(Options, CancellationToken.None).Within();
        await watching.SendAsync(new MqttConnectPacket { ClientId = Guid.NewGuid().ToString("N"), CleanSession = true }, CancellationToken.None).Within();
        await watching.SendAsync(new MqttSubscribePacket { PacketIdentifier = 1, TopicFilters = [new() { Topic = topics }] }, CancellationToken.None).Within();
        var subscribed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        reading = ReadAsync(watching, subscribed);
        await subscribed.Task.Within();
    }

    /// <summary>Publishes a message; gives the reason that the broker answers with.</summary>
    public async Task<MqttClientPublishReasonCode> PublishAsync(string topic, byte[] payload, int quality = 2, bool retain = false)
    {
        if (publishing is null)
        {
            publishing = new MqttClientFactory().CreateMqttClient();
            await publishing.ConnectAsync(Options).Within();
        }

        var message = new MqttApplicationMessageBuilder().WithTopic(topic).WithPayload(payload).WithQualityOfServiceLevel((MqttQualityOfServiceLevel)quality).WithRetainFlag(retain).Build();
        return (await publishing.PublishAsync(message).Within()).ReasonCode;
    }

    public Task<MqttClientPublishReasonCode> PublishAsync(string topic, string text, int quality = 2, bool retain = false) =>
        PublishAsync(topic, Encoding.UTF8.GetBytes(text), quality, retain);

    /// <summary>The last state of a topic, once it is this one.</summary>
    public Task HasAsync(string topic, string text) => Seen.UntilAsync(all => all.LastOrDefault(m => m.Topic == topic)?.Text == text, $"{topic} is '{text}'");

    public async ValueTask DisposeAsync()
    {
        watching?.Dispose();
        publishing?.Dispose();
        await reading;
    }

    private async Task ReadAsync(ILowLevelMqttClient from, TaskCompletionSource subscribed)
    {
        try
        {
            while (true)
            {
                switch (await from.ReceiveAsync(CancellationToken.None))
                {
                    case MqttSubAckPacket:
                        subscribed.TrySetResult();
                        break;
                    case MqttPublishPacket message:
                        Seen.OnNext(Message.Of(message));
                        break;
                }
            }
        }
        catch (Exception e) when (e is MQTTnet.Exceptions.MqttCommunicationException or InvalidOperationException or System.Net.Sockets.SocketException)
        {
            // The broker has ended, or the test.
        }
    }
}
