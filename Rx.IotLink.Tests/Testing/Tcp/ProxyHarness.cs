using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using System.Text;
using Rx.IotLink.Testing.Tcp;

namespace Rx.IotLink.Tests.Testing.Tcp;

/// <summary>
/// A listener, a fault proxy before it and plain sockets at both ends. The proxy's time passes only when a test says
/// so.
/// </summary>
internal sealed class ProxyHarness : IAsyncDisposable
{
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(10);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<Socket> _sockets = [];

    public ProxyHarness(FaultProxyOptions? options = null)
    {
        _listener.Start();
        Proxy = FaultProxy.Start((IPEndPoint)_listener.LocalEndpoint, (options ?? new()) with { Name = "p", Scheduler = Time });
    }

    public HistoricalScheduler Time { get; } = new();

    public FaultProxy Proxy { get; }

    /// <summary>A connection through the proxy: its two ends.</summary>
    public async Task<(Socket Client, Socket Server)> ConnectAsync()
    {
        var accepting = _listener.AcceptSocketAsync();
        var client = await DialAsync();
        var server = await accepting.WaitAsync(Bound);
        _sockets.Add(server);
        server.NoDelay = true;
        return (client, server);
    }

    /// <summary>A connection that has carried bytes both ways.</summary>
    public async Task<(Socket Client, Socket Server)> ConnectHealthyAsync()
    {
        var (client, server) = await ConnectAsync();
        await PassesAsync(client, server, "hello");
        await PassesAsync(server, client, "welcome");
        await Proxy.Healthy.FirstAsync(healthy => healthy).ToTask().WaitAsync(Bound);
        return (client, server);
    }

    public async Task<Socket> DialAsync()
    {
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        _sockets.Add(client);
        await client.ConnectAsync(Proxy.EndPoint).WaitAsync(Bound);
        return client;
    }

    /// <summary>
    /// How a connection ends that the proxy refuses. The end may come before the start is visible.
    /// </summary>
    public async Task<string> DialAndEndAsync()
    {
        try
        {
            return await EndAsync(await DialAsync());
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            return "RST";
        }
    }

    /// <summary>Nobody listens behind the proxy any more.</summary>
    public void StopListening() => _listener.Stop();

    public static async Task SendAsync(Socket socket, string text) => await socket.SendAsync(Encoding.UTF8.GetBytes(text)).WaitAsync(Bound);

    public static async Task PassesAsync(Socket from, Socket to, string text)
    {
        await SendAsync(from, text);
        NUnit.Framework.Assert.That(await ReadAsync(to, text.Length), NUnit.Framework.Is.EqualTo(text));
    }

    /// <summary>Reads so many bytes, or fewer if the connection ends before.</summary>
    public static async Task<string> ReadAsync(Socket socket, int count)
    {
        var buffer = new byte[count];
        var read = 0;
        while (read < count)
        {
            var more = await socket.ReceiveAsync(buffer.AsMemory(read)).AsTask().WaitAsync(Bound);
            if (more == 0)
                break;
            read += more;
        }

        return Encoding.UTF8.GetString(buffer, 0, read);
    }

    /// <summary>How the connection ends, after any bytes that still come: "FIN" or "RST".</summary>
    public static async Task<string> EndAsync(Socket socket)
    {
        try
        {
            while (await socket.ReceiveAsync(new byte[100]).WaitAsync(Bound) > 0)
            {
            }

            return "FIN";
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            return "RST";
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Proxy.DisposeAsync().AsTask().WaitAsync(Bound);
        foreach (var socket in _sockets)
            socket.Dispose();
        _listener.Dispose();
    }
}
