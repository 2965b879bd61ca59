using System.Net;
using System.Net.Security;
using System.Net.Sockets;

namespace Throughput.Raw;

/// <summary>
/// The limit: sockets and nothing else. Reads lines and acknowledges them, with one send for what came in one chunk. No
/// strings, no observers, no memory of what was sent.
/// </summary>
/// <param name="together">Whether the lines of a chunk get one acknowledgement together, or one each.</param>
/// <param name="tls">How to encrypt, or null.</param>
internal sealed class RawServer(bool together, SslServerAuthenticationOptions? tls = null) : IAsyncDisposable
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

    private async Task ServeAsync(Socket socket)
    {
        using var connection = await RawConnection.AcceptedAsync(socket, tls);
        var buffer = new byte[RawLines.BufferBytes];
        var answer = new byte[RawLines.BufferBytes];
        var (held, taken) = (0, 0);
        while (await connection.ReceiveAsync(buffer.AsMemory(held)) is var read and > 0)
        {
            var rest = buffer.AsSpan(0, held + read);
            var (before, length) = (taken, 0);
            while (rest.IndexOf((byte)'\n') is var end and >= 0)
            {
                if (end != RawLines.LineBytes)
                    throw new InvalidDataException($"a line of {end} bytes where one of {RawLines.LineBytes} was written");
                taken++;
                rest = rest[(end + 1)..];
                if (!together)
                    length += RawLines.Acknowledge(answer.AsSpan(length), taken);
            }

            held = rest.Length;
            rest.CopyTo(buffer);
            if (taken == before)
                continue;
            if (together)
                length = RawLines.Acknowledge(answer, taken);
            await connection.SendAsync(answer.AsMemory(0, length));
        }
    }
}
