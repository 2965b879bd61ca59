using System.Net;
using System.Net.Sockets;
using System.Reactive.Linq;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Rest;

/// <summary>What links at rest hold on a server: little memory, and no timer each.</summary>
/// <remarks>Alone, since the memory and the timers of the process are counted.</remarks>
[NonParallelizable]
public sealed class AtRestTests
{
    private const int Links = 1_000;

    /// <summary>
    /// A link, its connection, and the device's socket, which lives in this process too and takes more than a kilobyte
    /// of it.
    /// </summary>
    private const int MostBytesEach = 7_200;

    private readonly List<Socket> devices = [];

    [TearDown]
    public void Disconnect() => devices.ForEach(d => d.Dispose());

    [Test]
    public async Task A_link_at_rest_holds_little()
    {
        await using var server = await StartAsync();
        await JoinAsync(server, 0, 100);
        await Bound.EventuallyAsync(() => server.Counters.Openings == 0);
        var before = Heap.Bytes();
        await JoinAsync(server, 100, Links);
        await Bound.EventuallyAsync(() => server.Counters.Openings == 0);
        var each = (Heap.Bytes() - before) / Links;
        await TestContext.Out.WriteLineAsync($"{each} bytes each");
        Assert.That(each, Is.LessThan(MostBytesEach));
        Assert.That(server.Counters.Connections, Is.EqualTo(100 + Links), "all are still there");
    }

    [Test]
    public async Task Links_at_rest_share_a_timer()
    {
        await using var server = await StartAsync();
        await JoinAsync(server, 0, 10);
#pragma warning disable RS0030 // Timers are what is counted.
        var before = Timer.ActiveCount;
        await JoinAsync(server, 10, 300);
        await Bound.EventuallyAsync(() => Timer.ActiveCount - before < 50);
#pragma warning restore RS0030
        Assert.That(server.Counters.Connections, Is.EqualTo(310));
    }

    [Test]
    public async Task Connections_that_come_and_go_leave_nothing()
    {
        await using var server = await StartAsync();
        await ComeAndGoAsync(server, 1, 100);
        var before = Heap.Bytes();
        await ComeAndGoAsync(server, 101, 1_000);
        await Bound.EventuallyAsync(() => Heap.Bytes() - before < 1_000 * 100);
    }

    private static async Task<IotLinkServer> StartAsync()
    {
        var server = await IotLinkServer.StartAsync(new() { Port = 0, Bind = IPAddress.Loopback, Timeout = TimeSpan.FromMinutes(10), MaxUnknownIds = 10_000, DrainTimeout = TimeSpan.Zero }).Within();
        server.Links.Subscribe(link => link.Lines.Subscribe(_ => { }));
        return server;
    }

    private async Task JoinAsync(IotLinkServer server, int first, int count)
    {
        for (var i = first; i < first + count; i++)
            devices.Add(await OpenAsync(server, $"device-{i}", connection: 1));
    }

    private static async Task ComeAndGoAsync(IotLinkServer server, int first, int count)
    {
        for (var i = first; i < first + count; i++)
        {
            (await OpenAsync(server, "one", i)).Dispose();
            await Bound.EventuallyAsync(() => server.Counters.Connections == 0);
        }
    }

    /// <summary>Opens, and writes one line.</summary>
    private static async Task<Socket> OpenAsync(IotLinkServer server, string id, int connection)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server.EndPoint).Within();
        var opening = $"IOTLINK/2 id={id} conn={connection} epoch={Epoch(id)} tx={connection} window=256 max=4000\n+{connection:x4}hello\n";
        await socket.SendAsync(Encoding.ASCII.GetBytes(opening)).Within();
        var heard = "";
        var buffer = new byte[512];
        while (!heard.Contains($"={connection:x4}\n", StringComparison.Ordinal))
        {
            var read = await socket.ReceiveAsync(buffer).Within();
            Assert.That(read, Is.Not.Zero, $"it was let in; it heard: {heard}");
            heard += Encoding.ASCII.GetString(buffer, 0, read);
        }

        return socket;
    }

    private static string Epoch(string id) => id.Sum(c => c).ToString("x", System.Globalization.CultureInfo.InvariantCulture);
}
