using System.Net;
using System.Net.Sockets;

namespace Throughput.Raw;

/// <summary>Acknowledged lines over raw sockets: so many connections, each with at most so many lines in flight.</summary>
internal sealed class RawWorkload(int connections, int window) : Workload
{
    // Enough for the percentiles, and few enough that the clock costs nothing where a line costs little.
    private readonly int sampling = window > 1 ? 64 : 1;

    private readonly RawServer server = new();
    private readonly List<Socket> sockets = [];
    private readonly long[] acknowledged = new long[connections * Stride];

    // Counts of different connections stay out of each other's cache lines.
    private const int Stride = 8;

    public override long Lines => Enumerable.Range(0, connections).Sum(i => Volatile.Read(ref acknowledged[i * Stride]));

    public override async Task OpenAsync()
    {
        EndPoint endPoint = server.Start();
        for (var i = 0; i < connections; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            sockets.Add(socket);
            await socket.ConnectAsync(endPoint);
        }
    }

    public override Task RunAsync() => Task.WhenAll(sockets.Select((socket, i) => Task.Run(() => WriteAsync(socket, i * Stride))));

    public override async ValueTask DisposeAsync()
    {
        foreach (var socket in sockets)
            socket.Dispose();
        await server.DisposeAsync();
    }

    private async Task WriteAsync(Socket socket, int at)
    {
        var lines = RawLines.Make(window);
        var buffer = new byte[RawLines.BufferBytes];
        var sentAt = new long[(window / sampling) + 1];
        var (sent, done, held) = (0L, 0L, 0);
        while (!Stopping || done < sent)
        {
            if (!Stopping && sent - done < window)
            {
                var room = window - (int)(sent - done);
                for (var next = sent; next < sent + room; next++)
                {
                    if (next % sampling == 0)
                        sentAt[next / sampling % sentAt.Length] = LatencyHistogram.Now();
                }

                sent += room;
                await socket.SendAsync(lines.AsMemory(0, room * (RawLines.LineBytes + 1)), SocketFlags.None);
            }

            var read = await socket.ReceiveAsync(buffer.AsMemory(held), SocketFlags.None);
            if (read == 0)
                throw new IOException("the server closed the connection");
            var newly = RawLines.Take(buffer.AsSpan(0, held + read), ref held, done);
            for (var last = done; last < done + newly; last++)
            {
                if (last % sampling == 0)
                    Latencies.AddSince(sentAt[last / sampling % sentAt.Length]);
            }

            done += newly;
            Volatile.Write(ref acknowledged[at], done);
        }
    }
}
