using System.Net;
using System.Net.Sockets;

namespace Examples.Cluster;

/// <summary>
/// A load balancer on a bad network: each connection goes to one of the servers that answer, and may be cut at any
/// time.
/// </summary>
internal sealed class Balancer : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    /// <summary>After how long a server that says nothing counts as one that does not answer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    private readonly IReadOnlyList<IPEndPoint> servers;
    private readonly Lock gate = new();
    private readonly HashSet<Socket> open = [];
    private readonly Random random;
    private readonly Task accepting;

    public Balancer(IReadOnlyList<IPEndPoint> servers, Random random)
    {
        (this.servers, this.random) = (servers, random);
        listener.Start();
        accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>How many connections were cut.</summary>
    public int Cuts { get; private set; }

    /// <summary>Cuts some connections without a word.</summary>
    public void Cut(int most)
    {
        Socket[] some;
        lock (gate)
        {
            some = [.. open.OrderBy(_ => random.Next()).Take(most)];
            Cuts += some.Length;
        }

        foreach (var socket in some)
            socket.Close(timeout: 0);
    }

    public async ValueTask DisposeAsync()
    {
        listener.Stop();
        Cut(int.MaxValue);
        await accepting;
    }

    private async Task AcceptAsync()
    {
        for (var next = 0; ; next++)
        {
            try
            {
                _ = ServeAsync(await listener.AcceptSocketAsync(), next);
            }
            catch (Exception e) when (e is SocketException or InvalidOperationException)
            {
                // The listener was stopped: in this accept, or before it.
                return;
            }
        }
    }

    private async Task ServeAsync(Socket device, int next)
    {
        using var its = device;
        for (var attempt = 0; attempt < servers.Count; attempt++)
        {
            using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                using var patience = new CancellationTokenSource(Patience);
                await server.ConnectAsync(servers[(next + attempt) % servers.Count], patience.Token);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                continue;
            }

            lock (gate)
                open.Add(device);
            try
            {
                await Task.WhenAny(CopyAsync(device, server), CopyAsync(server, device));
            }
            finally
            {
                lock (gate)
                    open.Remove(device);
            }

            return;
        }
    }

    private static async Task CopyAsync(Socket from, Socket to)
    {
        try
        {
            var buffer = new byte[4_096];
            while (await from.ReceiveAsync(buffer) is > 0 and var count)
                await to.SendAsync(buffer.AsMemory(0, count));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // One end is gone, so the other one goes.
        }
    }
}
