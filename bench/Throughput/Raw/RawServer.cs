using System.Net;
using System.Net.Sockets;

namespace Throughput.Raw;

/// <summary>
/// The limit: sockets and nothing else. Reads lines, and acknowledges those of a received chunk together, cumulatively, as protocol 2 does. No strings, no
/// observers, no memory of what was sent.
/// </summary>
internal sealed class RawServer : IAsyncDisposable
{
    private readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<Task> connections = [];
    private Task accepting = Task.CompletedTask;

    public IPEndPoint Start()
    {
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(512);
        accepting = AcceptAsync();
        return (IPEndPoint)listener.LocalEndPoint!;
    }

    public async ValueTask DisposeAsync()
    {
        listener.Dispose();
        await accepting;
        await Task.WhenAll(connections);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var socket = await listener.AcceptAsync();
                socket.NoDelay = true;
                connections.Add(ServeAsync(socket));
            }
        }
        catch (SocketException)
        {
            // The listener was closed: nobody comes any more.
        }
    }

    private static async Task ServeAsync(Socket socket)
    {
        using var owned = socket;
        var buffer = new byte[RawLines.BufferBytes];
        var acknowledgement = RawLines.Acknowledgement();
        var (held, taken) = (0, 0);
        while (await socket.ReceiveAsync(buffer.AsMemory(held), SocketFlags.None) is var read and > 0)
        {
            var rest = buffer.AsSpan(0, held + read);
            var before = taken;
            while (rest.IndexOf((byte)'\n') is var length and >= 0)
            {
                if (length != RawLines.LineBytes)
                    throw new InvalidDataException($"a line of {length} bytes where one of {RawLines.LineBytes} was written");
                taken++;
                rest = rest[(length + 1)..];
            }

            held = rest.Length;
            rest.CopyTo(buffer);
            if (taken == before)
                continue;
            RawLines.SetNumber(acknowledgement, (ushort)taken);
            await socket.SendAsync(acknowledgement, SocketFlags.None);
        }
    }
}
