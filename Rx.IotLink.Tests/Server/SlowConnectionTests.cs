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

    [TestCase(2, 300, 100, 2_500)]
    [TestCase(2, 1, 200_000, 25_000)]
    [TestCase(2, 30, 4_000, 12_000)]
    [TestCase(1, 1, 200_000, 25_000)]
    public async Task To_the_server(int protocol, int lines, int bytes, int bytesPerSecond)
    {
        var (proxy, client, _) = await ConnectAsync(protocol, bytesPerSecond);
        var before = proxy.Carried.Up;

        await WriteAsync(client, lines, bytes);
        await WriteAsync(client, 1, 10);

        Nothing_is_carried_twice(client, proxy.Carried.Up - before, lines, bytes);
    }

    [TestCase(2, 300, 100, 2_500)]
    [TestCase(1, 1, 200_000, 25_000)]
    public async Task To_the_device(int protocol, int lines, int bytes, int bytesPerSecond)
    {
        var (proxy, _, link) = await ConnectAsync(protocol, bytesPerSecond);
        var before = proxy.Carried.Down;

        await WriteAsync(link, lines, bytes);
        await WriteAsync(link, 1, 10);

        Nothing_is_carried_twice(link, proxy.Carried.Down - before, lines, bytes);
    }

    private static void Nothing_is_carried_twice(ILink link, long carried, int lines, int bytes) => Assert.Multiple(() =>
    {
        Assert.That(link.Counters.Outages, Is.Zero);
        Assert.That(link.Counters.LinesRepeated, Is.Zero);
        // A server of protocol 1 says a keepalive every quarter of the timeout, whatever else it says.
        Assert.That(carried, Is.LessThanOrEqualTo((1.05 * lines * (bytes + 6)) + 300));
    });

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
