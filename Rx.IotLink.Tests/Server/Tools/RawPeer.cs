using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Rx.IotLink.Tests.Server.Tools;

/// <summary>A scripted socket: it sends and receives exactly what a test wants.</summary>
internal sealed class RawPeer : IDisposable
{
    /// <summary>Little, so that one that does not read is soon one that cannot be sent to.</summary>
    private const int ReceiveBytes = 16_384;

    private readonly Socket socket;
    private readonly List<byte> heard = [];

    private RawPeer(Socket socket) => this.socket = socket;

    public IPEndPoint Address { get; private set; } = new(0, 0);

    /// <summary>Connects, from one of the addresses of loopback if it is given; says the id if it is given.</summary>
    public static async Task<RawPeer> ConnectAsync(IPEndPoint to, string? id = null, IPAddress? from = null)
    {
        var peer = new RawPeer(new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveBufferSize = ReceiveBytes });
        try
        {
            if (from is not null)
                peer.socket.Bind(new IPEndPoint(from, 0));
            await peer.socket.ConnectAsync(to).Within();
            peer.Address = (IPEndPoint)peer.socket.LocalEndPoint!;
            if (id is not null)
                await peer.SayAsync($"{id}\n");
            return peer;
        }
        catch
        {
            peer.Dispose();
            throw;
        }
    }

    /// <summary>Sends a text as it is: line feeds are the caller's.</summary>
    public Task SayAsync(string text) => SayAsync(Encoding.UTF8.GetBytes(text));

    public async Task SayAsync(ReadOnlyMemory<byte> bytes)
    {
        for (var rest = bytes; !rest.IsEmpty;)
            rest = rest[await socket.SendAsync(rest).Within("the peer takes what is said")..];
    }

    /// <summary>Sends the same so many times, or until the other end takes no more, or ends the connection.</summary>
    public async Task FloodAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken, int times = int.MaxValue)
    {
        try
        {
            for (var left = times; left > 0; left--)
            {
                for (var rest = bytes; !rest.IsEmpty;)
                    rest = rest[await socket.SendAsync(rest, cancellationToken)..];
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Both are what it is for.
        }
    }

    /// <summary>
    /// The next line without its LF, keepalives included; null once the other end has ended the connection (FIN).
    /// </summary>
    /// <exception cref="SocketException">The other end has reset the connection (RST).</exception>
    public async Task<string?> HearAsync()
    {
        var buffer = new byte[4_096];
        int end;
        while ((end = heard.IndexOf((byte)'\n')) < 0)
        {
            var count = await socket.ReceiveAsync(buffer).Within("a line, or the end");
            if (count == 0)
                return null;
            heard.AddRange(buffer.AsSpan(0, count));
        }

        var line = Encoding.UTF8.GetString([.. heard.Take(end)]);
        heard.RemoveRange(0, end + 1);
        return line;
    }

    /// <summary>The next line that is not a keepalive.</summary>
    public async Task<string?> HearLineAsync()
    {
        string? line;
        do
            line = await HearAsync();
        while (line?.Length == 0);
        return line;
    }

    /// <summary>
    /// The next so many lines that are no keepalives. Messages and acknowledgements come in any order.
    /// </summary>
    public async Task<IReadOnlyList<string?>> HearLinesAsync(int count)
    {
        var lines = new List<string?>();
        while (lines.Count < count)
            lines.Add(await HearLineAsync());
        return lines;
    }

    /// <summary>The lines up to the end of the connection, which is a FIN, without keepalives.</summary>
    public async Task<IReadOnlyList<string>> HearToEndAsync()
    {
        var lines = new List<string>();
        while (await HearLineAsync() is { } line)
            lines.Add(line);
        return lines;
    }

    /// <summary>Waits until the other end has ended the connection, somehow, or it is waited for no more.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        try
        {
            var buffer = new byte[4_096];
            while (await socket.ReceiveAsync(buffer, cancellationToken) > 0)
            {
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException)
        {
            // Reset, or waited for long enough.
        }
    }

    /// <summary>Ends the connection by RST.</summary>
    public void Reset()
    {
        socket.LingerState = new LingerOption(enable: true, seconds: 0);
        socket.Dispose();
    }

    public void Dispose() => socket.Dispose();
}
