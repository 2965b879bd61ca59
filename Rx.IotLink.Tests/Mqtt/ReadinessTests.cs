using System.Net;
using System.Net.Sockets;
using NUnit.Framework;
using Rx.IotLink.Mqtt;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Mqtt;

/// <summary>
/// When the gateway says that it is connected. A real broker cannot be made to wait with its answer, so this one speaks
/// the bytes of MQTT 5 itself.
/// </summary>
public sealed class ReadinessTests : MqttTest
{
    private const byte Connect = 0x10;
    private const byte Subscribe = 0x82;

    private static readonly byte[] Accepted = [0x20, 3, 0, 0, 0];
    private static readonly byte[] Granted = [0x90, 4, 0, 1, 0, 1];

    /// <summary>A message that is published before the subscription is there finds nobody.</summary>
    [Test]
    public async Task It_is_connected_for_messages_when_the_broker_has_answered_its_subscription()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var server = await StartServerAsync();
        var gateway = StartGateway(server, GatewayOptions((IPEndPoint)listener.LocalEndpoint));
        var notices = gateway.Notices.Record();
        var subscriber = await SubscriberAsync(listener).Within();
        await notices.UntilAsync(all => all.Any(notice => notice.Kind == MqttNoticeKind.Connected));

        Assert.That(notices.Values.Select(notice => notice.Detail), Has.None.Contains("messages for devices: connected"));
        Assert.That(gateway.Counters.Connections, Is.EqualTo(1), "that of the lines");

        await subscriber.SendAsync(Granted);
        await notices.UntilAsync(all => all.Any(notice => notice.Detail.Contains("messages for devices: connected", StringComparison.Ordinal)));
        Assert.That(gateway.Counters.Connections, Is.EqualTo(2));
    }

    /// <summary>
    /// Accepts both connections of the gateway, and gives that of the messages when it has subscribed.
    /// </summary>
    private async Task<Socket> SubscriberAsync(TcpListener listener)
    {
        var first = Own(await listener.AcceptSocketAsync());
        var second = Own(await listener.AcceptSocketAsync());
        var found = await Task.WhenAny(ServeAsync(first), ServeAsync(second));
        return await found;
    }

    /// <summary>
    /// Completes when it subscribes to messages. The connection of the lines subscribes too, to what was retained: the
    /// client identifiers are what differs.
    /// </summary>
    private static async Task<Socket> ServeAsync(Socket socket)
    {
        var stream = new NetworkStream(socket);
        var isOfMessages = false;
        while (true)
        {
            var (type, body) = await ReadPacketAsync(stream);
            if (type == Connect)
            {
                isOfMessages = body.AsSpan().IndexOf("-down"u8) >= 0;
                await stream.WriteAsync(Accepted);
            }
            else if (type == Subscribe && isOfMessages)
            {
                return socket;
            }
        }
    }

    private static async Task<(byte Type, byte[] Body)> ReadPacketAsync(NetworkStream stream)
    {
        var one = new byte[1];
        await stream.ReadExactlyAsync(one);
        var type = one[0];
        var (length, shift) = (0, 0);
        do
        {
            await stream.ReadExactlyAsync(one);
            length |= (one[0] & 0x7f) << shift;
            shift += 7;
        }
        while (one[0] >= 0x80);

        var body = new byte[length];
        await stream.ReadExactlyAsync(body);
        return (type, body);
    }
}
