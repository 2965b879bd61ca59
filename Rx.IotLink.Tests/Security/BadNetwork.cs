using System.Net;
using System.Net.Sockets;

namespace Rx.IotLink.Tests.Security;

/// <summary>
/// Stands between a client and a server as a bad network does: it cuts connections, or swallows all without a word. As
/// an attacker on the path it also reads what it carries, and changes it.
/// </summary>
internal sealed class BadNetwork : IAsyncDisposable
{
    private readonly int to;
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly Lock gate = new();
    private readonly List<TcpClient> open = [];
    private readonly Task accepting;
    private readonly List<byte> read = [];
    private TaskCompletionSource stalled = Ended();

    public BadNetwork(int to)
    {
        this.to = to;
        listener.Start();
        accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Changes what it carries; null: it does not.</summary>
    public Func<byte[], byte[]>? Change { get; set; }

    /// <summary>All that it has carried, both ways, one character a byte.</summary>
    public string Read
    {
        get
        {
            lock (gate)
                return System.Text.Encoding.Latin1.GetString([.. read]);
        }
    }

    /// <summary>Ends every connection.</summary>
    public void Cut()
    {
        lock (gate)
        {
            foreach (var connection in open)
                connection.Dispose();
            open.Clear();
        }
    }

    /// <summary>Nothing passes any more, and no end sees an error.</summary>
    public void Stall() => stalled = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>New connections are carried again; those that were stalled stay dead.</summary>
    public void Heal()
    {
        Cut();
        var healed = stalled;
        stalled = Ended();
        healed.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        listener.Stop();
        Heal();
        await accepting.WaitAsync(Ends.Bound);
        listener.Dispose();
    }

    private static TaskCompletionSource Ended()
    {
        var ended = new TaskCompletionSource();
        ended.SetResult();
        return ended;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = CarryAsync(await listener.AcceptTcpClientAsync());
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException or OperationCanceledException)
        {
            // The listener was stopped: in an accept, or between two.
        }
    }

    private async Task CarryAsync(TcpClient near)
    {
        var far = new TcpClient();
        lock (gate)
            open.AddRange([near, far]);
        try
        {
            await far.ConnectAsync(IPAddress.Loopback, to);
            await Task.WhenAny(CarryAsync(near.GetStream(), far.GetStream()), CarryAsync(far.GetStream(), near.GetStream()));
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            // The connection is cut, or the other end does not exist.
        }

        near.Dispose();
        far.Dispose();
    }

    private async Task CarryAsync(NetworkStream from, NetworkStream to)
    {
        var buffer = new byte[16_384];
        try
        {
            while (await from.ReadAsync(buffer) is > 0 and var length)
            {
                await stalled.Task;
                lock (gate)
                    read.AddRange(buffer.AsSpan(0, length));
                await to.WriteAsync(Change is { } change ? change(buffer[..length]) : buffer.AsMemory(0, length));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // Cut.
        }
    }
}
