using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Testing.Tcp;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>
/// A slow connection of real sockets, whose buffers take much that has not arrived: nothing is carried twice, and what
/// is written next does not wait behind copies.
/// </summary>
public sealed class SlowConnectionTests : ServerTest
{
    /// <summary>A fraction of what the lines take; and more than a busy machine stands still.</summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>
    /// All beside each other: each takes ten seconds or more, in which it does little but wait for its connection.
    /// </summary>
    [Test]
    public Task Nothing_is_carried_twice() => Task.WhenAll(
        ToTheServerAsync(protocol: 2, lines: 300, bytes: 100, bytesPerSecond: 2_500),
        ToTheServerAsync(protocol: 2, lines: 1, bytes: 200_000, bytesPerSecond: 25_000),
        ToTheServerAsync(protocol: 2, lines: 30, bytes: 4_000, bytesPerSecond: 12_000),
        ToTheServerAsync(protocol: 1, lines: 1, bytes: 200_000, bytesPerSecond: 25_000),
        ToTheDeviceAsync(protocol: 2, lines: 300, bytes: 100, bytesPerSecond: 2_500),
        ToTheDeviceAsync(protocol: 1, lines: 1, bytes: 200_000, bytesPerSecond: 25_000));

    private async Task ToTheServerAsync(int protocol, int lines, int bytes, int bytesPerSecond)
    {
        var (proxy, client, _) = await ConnectAsync(protocol, bytesPerSecond);
        var before = proxy.Carried.Up;

        await WriteAsync(client, lines, bytes);
        await WriteAsync(client, 1, 10);

        Check($"to the server, protocol {protocol}, {lines} lines of {bytes} bytes", client, proxy.Carried.Up - before, lines, bytes);
    }

    private async Task ToTheDeviceAsync(int protocol, int lines, int bytes, int bytesPerSecond)
    {
        var (proxy, _, link) = await ConnectAsync(protocol, bytesPerSecond);
        var before = proxy.Carried.Down;

        await WriteAsync(link, lines, bytes);
        await WriteAsync(link, 1, 10);

        Check($"to the device, protocol {protocol}, {lines} lines of {bytes} bytes", link, proxy.Carried.Down - before, lines, bytes);
    }

    private static void Check(string what, ILink link, long carried, int lines, int bytes)
    {
        Assert.That((link.Counters.Outages, link.Counters.LinesRepeated), Is.EqualTo((0, 0)), $"{what}: outages, and lines that were repeated");
        // A server of protocol 1 says a keepalive every quarter of the timeout, whatever else it says.
        Assert.That(carried, Is.LessThanOrEqualTo((1.05 * lines * (bytes + 6)) + 300), what);
    }

    private static async Task WriteAsync(ILink link, int lines, int bytes) =>
        await Task.WhenAll(Enumerable.Range(0, lines).Select(_ => link.WriteAsync(new string('x', bytes)))).WaitAsync(Patience);

    private async Task<(FaultProxy Proxy, ILink Client, ILink ServerEnd)> ConnectAsync(int protocol, int bytesPerSecond)
    {
        var server = await StartServerAsync(ServerOptions with { Timeout = Timeout, MaxLineBytes = 300_000 });
        var proxy = Own(FaultProxy.Start(server.EndPoint));
        proxy.Throttle(bytesPerSecond);
        var client = StartClient(ClientOptions(proxy.EndPoint) with { Protocol = protocol, Timeout = Timeout, MaxLineBytes = 300_000 });
        client.Lines.Subscribe();
        var link = await server.WaitForAsync("1").Within();
        link.Lines.Subscribe();
        await client.State.FirstAsync(state => state.IsUp).ToTask().Within();
        return (proxy, client, link);
    }
}
