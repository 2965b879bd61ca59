using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Rx.IotLink.Transport;

/// <summary>
/// Bounds what a system takes for sending without having sent it. It would take some megabytes, behind which everything
/// later waits on a slow path: keepalives, acknowledgements, and copies of lines that nobody knows to lie here.
/// </summary>
internal static class SendBound
{
    /// <summary>
    /// Bytes that Linux takes and has not sent; what it has sent and the peer has not acknowledged comes on top.
    /// </summary>
    private const int UnsentBytes = 16_384;

    /// <summary>
    /// Bytes elsewhere, where there is no such limit: those that the peer has not acknowledged count too.
    /// </summary>
    private const int UnacknowledgedBytes = 65_536;

    // IPPROTO_TCP and TCP_NOTSENT_LOWAT of <linux/tcp.h>, which .NET has no names for.
    private const int Tcp = 6;
    private const int TcpNotSentLowWater = 25;

    public static void Set(Socket socket)
    {
        try
        {
            if (OperatingSystem.IsLinux())
                socket.SetRawSocketOption(Tcp, TcpNotSentLowWater, MemoryMarshal.AsBytes([UnsentBytes]));
            else
                socket.SendBufferSize = UnacknowledgedBytes;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // A socket of another kind, or gone already: then it stays as it is, which is slower and not wrong.
        }
    }
}
