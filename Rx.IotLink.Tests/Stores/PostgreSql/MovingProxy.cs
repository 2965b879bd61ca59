using System.Net;
using System.Net.Sockets;

namespace Rx.IotLink.Tests.Stores.PostgreSql;

/// <summary>
/// What a load balancer does to a device: its connections go to one server, and later to another one.
/// </summary>
internal sealed class MovingProxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly Lock gate = new();
    private readonly List<Socket> open = [];
    private readonly Task accepting;
    private int target;
    private bool isOver;

    public MovingProxy(int target)
    {
        this.target = target;
        listener.Start();
        accepting = AcceptAsync();
    }

    public IPEndPoint EndPoint => (IPEndPoint)listener.LocalEndpoint;

    /// <summary>Cuts all connections without a word; later ones go to this port of the machine.</summary>
    public void MoveTo(int port)
    {
        lock (gate)
        {
            target = port;
            open.ForEach(socket => socket.Close(timeout: 0));
            open.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        lock (gate)
            isOver = true;
        listener.Stop();
        MoveTo(0);
        await accepting;
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket device;
            try
            {
                device = await listener.AcceptSocketAsync();
            }
            catch (Exception e) when (e is SocketException or InvalidOperationException)
            {
                // The listener was stopped: in this accept, or before it.
                return;
            }

            _ = ServeAsync(device);
        }
    }

    private async Task ServeAsync(Socket device)
    {
        var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        int to;
        lock (gate)
        {
            to = isOver ? 0 : target;
            open.AddRange([device, server]);
        }

        try
        {
            await server.ConnectAsync(IPAddress.Loopback, to);
            await Task.WhenAny(PassAsync(device, server), PassAsync(server, device));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or ArgumentException)
        {
            // Its device connects again.
        }

        lock (gate)
        {
            open.Remove(device);
            open.Remove(server);
        }

        device.Close(timeout: 0);
        server.Close(timeout: 0);
    }

    private static async Task PassAsync(Socket from, Socket to)
    {
        var buffer = new byte[16_384];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var count)
                await to.SendAsync(buffer.AsMemory(0, count));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The end of the connection.
        }
    }
}
