using System.Net;
using System.Net.Sockets;

namespace Rx.IotLink.Tests.Server.Tools;

/// <summary>
/// A TCP relay that can stop forwarding without closing anything, as a broken radio link does, or reset what it
/// carries.
/// </summary>
internal sealed class Wire : IDisposable
{
    private readonly Lock gate = new();
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly IPEndPoint target;
    private readonly List<Socket> sockets = [];
    private CancellationTokenSource going = new();

    public Wire(IPEndPoint target)
    {
        this.target = target;
        listener.Start();
        _ = AcceptAsync();
    }

    public IPEndPoint EndPoint => (IPEndPoint)listener.LocalEndpoint;

    /// <summary>Connections of now go silent; those to come are carried.</summary>
    public void Freeze() => Interlocked.Exchange(ref going, new CancellationTokenSource()).Cancel();

    /// <summary>Connections of now are reset at both ends; those to come are carried.</summary>
    public void Reset()
    {
        Freeze();
        lock (gate)
        {
            foreach (var socket in sockets)
            {
                socket.LingerState = new LingerOption(enable: true, seconds: 0);
                socket.Dispose();
            }

            sockets.Clear();
        }
    }

    public void Dispose()
    {
        listener.Dispose();
        Reset();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = CarryAsync(await listener.AcceptSocketAsync());
        }
        catch (Exception exception) when (exception is SocketException or InvalidOperationException)
        {
            // The listener was stopped: in an accept, or between two.
        }
    }

    private async Task CarryAsync(Socket near)
    {
        var far = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        near.NoDelay = true;
        var token = going.Token;
        lock (gate)
            sockets.AddRange([near, far]);
        try
        {
            await far.ConnectAsync(target, token);
            await Task.WhenAll(PumpAsync(near, far, token), PumpAsync(far, near, token));
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            if (!token.IsCancellationRequested)
                near.Dispose();
        }
    }

    private static async Task PumpAsync(Socket from, Socket to, CancellationToken token)
    {
        var buffer = new byte[16_384];
        while (await from.ReceiveAsync(buffer, token) is var count and > 0)
        {
            for (var rest = buffer.AsMemory(0, count); !rest.IsEmpty;)
                rest = rest[await to.SendAsync(rest, token)..];
        }

        to.Shutdown(SocketShutdown.Send);
    }
}
