using System.Net.Security;
using System.Net.Sockets;

namespace Throughput.Raw;

/// <summary>A socket, or TLS over it. It owns both.</summary>
internal sealed class RawConnection(Socket socket, SslStream? tls) : IDisposable
{
    public static async Task<RawConnection> ConnectedAsync(Socket socket, SslClientAuthenticationOptions? options)
    {
        var tls = options is null ? null : new SslStream(new NetworkStream(socket));
        if (tls is not null)
            await tls.AuthenticateAsClientAsync(options!);
        return new(socket, tls);
    }

    public static async Task<RawConnection> AcceptedAsync(Socket socket, SslServerAuthenticationOptions? options)
    {
        var tls = options is null ? null : new SslStream(new NetworkStream(socket));
        if (tls is not null)
            await tls.AuthenticateAsServerAsync(options!);
        return new(socket, tls);
    }

    public ValueTask<int> ReceiveAsync(Memory<byte> buffer) => tls?.ReadAsync(buffer) ?? socket.ReceiveAsync(buffer, SocketFlags.None);

    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        if (tls is null)
            await socket.SendAsync(bytes, SocketFlags.None);
        else
            await tls.WriteAsync(bytes);
    }

    public void Dispose()
    {
        tls?.Dispose();
        socket.Dispose();
    }
}
