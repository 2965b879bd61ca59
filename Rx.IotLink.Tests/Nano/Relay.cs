using System.Net;
using System.Net.Sockets;

namespace NanoTests;

/// <summary>
/// A bad network between a device and its server: it can cut every connection, after so many bytes or at once, and
/// stall them all.
/// </summary>
internal sealed class Relay : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly ManualResetEventSlim flows = new(initialState: true);
    private readonly IPEndPoint server;
    private readonly Lock gate = new();
    private readonly List<Socket> sockets = [];
    private readonly Random random;
    private readonly int cutWithin;
    private bool disposed;

    /// <param name="server">Where the server listens.</param>
    /// <param name="cutWithin">
    /// Each connection is cut after fewer bytes than this, chosen by chance; 0: none is.
    /// </param>
    public Relay(IPEndPoint server, int cutWithin = 0)
    {
        (this.server, this.cutWithin, random) = (server, cutWithin, new Random(cutWithin));
        listener.Start();
        Run(Accept);
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Connections that were cut.</summary>
    public int Cuts { get; private set; }

    /// <summary>Nothing passes any more, and no end sees an error.</summary>
    public void Stall() => flows.Reset();

    public void Flow() => flows.Set();

    /// <summary>Cuts every connection that there is.</summary>
    public void Cut()
    {
        lock (gate)
        {
            sockets.ForEach(s => s.Close(0));
            sockets.Clear();
        }
    }

    public void Dispose()
    {
        disposed = true;
        listener.Stop();
        flows.Set();
        Cut();
    }

    private void Accept()
    {
        while (!disposed)
        {
            var device = listener.AcceptSocket();
            var upstream = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            device.NoDelay = true;
            upstream.Connect(IPAddress.Loopback, server.Port);
            lock (gate)
                sockets.AddRange([device, upstream]);
            var budget = new Budget(cutWithin == 0 ? int.MaxValue : random.Next(1, cutWithin));
            Run(() => Copy(device, upstream, budget));
            Run(() => Copy(upstream, device, budget));
        }
    }

    private void Copy(Socket from, Socket to, Budget budget)
    {
        var buffer = new byte[512];
        try
        {
            while (from.Receive(buffer) is var count and > 0)
            {
                flows.Wait();
                var within = budget.Take(count);
                if (within > 0)
                    to.Send(buffer, within, SocketFlags.None);
                if (within == count)
                    continue;
                Cuts++;
                break;
            }
        }
        finally
        {
            from.Close(0);
            to.Close(0);
        }
    }

    private static void Run(Action body) => new Thread(() =>
    {
        try
        {
            body();
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // What was cut, or is over.
        }
    })
    { IsBackground = true }.Start();

    private sealed class Budget(int bytes)
    {
        private int left = bytes;

        public int Take(int wanted)
        {
            lock (this)
            {
                var taken = Math.Min(left, wanted);
                left -= taken;
                return taken;
            }
        }
    }
}
