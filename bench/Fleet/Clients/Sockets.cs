using System.Net;
using System.Net.Security;
using System.Net.Sockets;

namespace Rx.IotLink.Bench.Fleet.Clients;

/// <summary>How all devices connect.</summary>
internal static class Sockets
{
    // ip(7)
    private const int SolIp = 0;
    private const int IpBindAddressNoPort = 24;

    /// <summary>From the address of the device.</summary>
    public static async Task<Socket> ConnectAsync(this Place place, int device, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            // A port is chosen with the connection: chosen with the address alone, the kernel looks through all that
            // have one, and that is what would be measured.
            if (OperatingSystem.IsLinux())
                socket.SetRawSocketOption(SolIp, IpBindAddressNoPort, BitConverter.GetBytes(1));
            socket.Bind(new IPEndPoint(place.SourceOf(device), 0));
            await socket.ConnectAsync(place.Server, cancellationToken).ConfigureAwait(false);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public static async Task<Stream> StreamAsync(this Place place, Socket socket, bool tls)
    {
        var plain = new NetworkStream(socket, ownsSocket: true);
        if (!tls)
            return plain;
        var ssl = new SslStream(plain, leaveInnerStreamOpen: false);
        await ssl.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = place.Server.Address.ToString(),
            // The server is this program, with a certificate of this run.
            RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate?.Subject == Server.Certificate.Subject,
        }).ConfigureAwait(false);
        return ssl;
    }

    /// <summary>Ends a connection with RST, as a power cut of a router does in the end.</summary>
    public static void Reset(this Socket socket) => socket.Close(timeout: 0);
}
