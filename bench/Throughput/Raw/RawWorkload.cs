using System.Net;
using System.Net.Sockets;
using System.Text;
using Throughput.Links;

namespace Throughput.Raw;

/// <summary>
/// Acknowledged lines over raw sockets: so many connections, each with at most so many lines in flight; written and
/// sent as many at a time as there is room for.
/// </summary>
internal sealed class RawWorkload(int connections, int window, bool together = false, bool tls = false) : Workload
{
    // Counts of different connections stay out of each other's cache lines.
    private const int Stride = 8;

    // Enough for the percentiles, and few enough that the clock costs nothing where a line costs little.
    private readonly int sampling = window > 1 ? 64 : 1;

    private readonly RawServer server = new(together, tls ? new() { ServerCertificate = Certificates.Make() } : null);
    private readonly List<RawConnection> connected = [];
    private readonly long[] acknowledged = new long[connections * Stride];

    public override long Lines => Enumerable.Range(0, connections).Sum(i => Volatile.Read(ref acknowledged[i * Stride]));

    public override async Task OpenAsync()
    {
        EndPoint endPoint = server.Start();
        for (var i = 0; i < connections; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(endPoint);
            connected.Add(await RawConnection.ConnectedAsync(socket, tls ? Certificates.Trusting() : null));
        }
    }

    public override Task RunAsync() => Task.WhenAll(connected.Select((socket, i) => Task.Run(() => WriteAsync(socket, i * Stride))));

    public override async ValueTask DisposeAsync()
    {
        foreach (var socket in connected)
            socket.Dispose();
        await server.DisposeAsync();
    }

    private async Task WriteAsync(RawConnection connection, int at)
    {
        var line = Encoding.ASCII.GetBytes(new string('x', RawLines.LineBytes));
        var (output, input) = (new byte[RawLines.BufferBytes], new byte[RawLines.BufferBytes]);
        var sentAt = new long[(window / sampling) + 1];
        var (sent, done, held) = (0L, 0L, 0);
        while (!Stopping || done < sent)
        {
            var length = 0;
            for (; !Stopping && sent - done < window; sent++)
            {
                length += RawLines.Write(output.AsSpan(length), line);
                if (sent % sampling == 0)
                    sentAt[sent / sampling % sentAt.Length] = LatencyHistogram.Now();
            }

            if (length > 0)
                await connection.SendAsync(output.AsMemory(0, length));
            var read = await connection.ReceiveAsync(input.AsMemory(held));
            if (read == 0)
                throw new IOException("the server closed the connection");
            var rest = input.AsSpan(0, held + read);
            while (RawLines.TryTake(ref rest, done, out var lines))
            {
                for (var end = done + lines; done < end; done++)
                {
                    if (done % sampling == 0)
                        Latencies.AddSince(sentAt[done / sampling % sentAt.Length]);
                }
            }

            held = rest.Length;
            rest.CopyTo(input);
            Volatile.Write(ref acknowledged[at], done);
        }
    }
}
