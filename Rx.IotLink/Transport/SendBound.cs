using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Rx.IotLink.Transport;

/// <summary>
/// Bounds the unsent bytes in the operating system. Without a bound it would take some megabytes, and on a slow path
/// everything later would wait behind them: keepalives, acknowledgements, and copies of lines that are still unsent.
/// </summary>
internal static class SendBound
{
    /// <summary>
    /// The unsent bytes in Linux; bytes that are sent and not acknowledged by the peer are not counted.
    /// </summary>
    private const int UnsentBytes = 16_384;

    /// <summary>
    /// The limit on other systems, where bytes that the peer has not acknowledged count too.
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
            // A socket of another kind, or closed already: then it stays as it is, which is slower but not wrong.
        }
    }
}
