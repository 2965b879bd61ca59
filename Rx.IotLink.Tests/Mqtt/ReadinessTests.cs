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

    /// <summary>Accepts both connections of the gateway, and gives the one that has subscribed.</summary>
    private async Task<Socket> SubscriberAsync(TcpListener listener)
    {
        var first = Own(await listener.AcceptSocketAsync());
        var second = Own(await listener.AcceptSocketAsync());
        var found = await Task.WhenAny(ServeAsync(first), ServeAsync(second));
        return await found;
    }

    /// <summary>Completes when it subscribes.</summary>
    private static async Task<Socket> ServeAsync(Socket socket)
    {
        var bytes = new byte[4_096];
        while (await socket.ReceiveAsync(bytes) is > 0 and var count)
        {
            if (bytes[0] == Connect)
                await socket.SendAsync(Accepted);
            if (bytes.AsSpan(0, count).Contains(Subscribe))
                return socket;
        }

        return await new TaskCompletionSource<Socket>().Task;
    }
}
