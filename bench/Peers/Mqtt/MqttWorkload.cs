using System.Globalization;
using System.Net;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using MQTTnet.Server;

namespace Peers.Mqtt;

/// <summary>
/// MQTT 5 with sessions that are kept. The application is in the server's process, as with a link: it sees each message
/// when the server takes it.
/// </summary>
/// <param name="connections">How many clients.</param>
/// <param name="window">How many messages of each are under way.</param>
/// <param name="quality">What is promised for a message.</param>
/// <param name="apart">The server, if it is in another process.</param>
internal sealed class MqttWorkload(int connections, int window, MqttQualityOfServiceLevel quality, ServerEnd? apart = null) : PeerWorkload(connections, window)
{
    private readonly List<IMqttClient> clients = [];
    private MqttServer? server;

    /// <summary>Starts a server.</summary>
    /// <param name="port">Where it listens.</param>
    /// <param name="received">Called with each message, and the number of its connection.</param>
    public static async Task<MqttServer> ServeAsync(int port, Action<int, string> received)
    {
        var servers = new MqttServerFactory();
        var made = servers.CreateMqttServer(servers.CreateServerOptionsBuilder()
            .WithDefaultEndpoint().WithDefaultEndpointPort(port).WithDefaultEndpointBoundIPAddress(IPAddress.Loopback)
            .WithDefaultEndpointBoundIPV6Address(IPAddress.None).WithPersistentSessions().Build());
        made.InterceptingPublishAsync += message =>
        {
            received(int.Parse(message.ClientId, CultureInfo.InvariantCulture), message.ApplicationMessage.ConvertPayloadToString());
            return Task.CompletedTask;
        };
        await made.StartAsync();
        return made;
    }

    public override async Task OpenAsync()
    {
        var port = apart?.Port ?? FreePort.Find();
        if (apart is null)
            server = await ServeAsync(port, Received);
        for (var i = 0; i < Connections; i++)
        {
            var client = new MqttClientFactory().CreateMqttClient();
            clients.Add(client);
            await client.ConnectAsync(new MqttClientOptionsBuilder()
                .WithTcpServer("127.0.0.1", port).WithClientId(i.ToString(CultureInfo.InvariantCulture)).WithProtocolVersion(MqttProtocolVersion.V500)
                .WithCleanStart(false).WithSessionExpiryInterval(3_600).Build());
        }
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var client in clients)
        {
            await client.DisconnectAsync();
            client.Dispose();
        }

        if (server is not null)
        {
            await server.StopAsync();
            server.Dispose();
        }
    }

    public override async Task WriteAsync(int connection, string line)
    {
        var result = await clients[connection].PublishAsync(new MqttApplicationMessageBuilder()
            .WithTopic($"up/{connection}").WithPayload(line).WithQualityOfServiceLevel(quality).Build());
        // Nobody subscribes, so "no matching subscribers" is a success too.
        if (!result.IsSuccess && result.ReasonCode != MqttClientPublishReasonCode.NoMatchingSubscribers)
            throw new InvalidDataException($"the server answered {result.ReasonCode}");
    }
}
