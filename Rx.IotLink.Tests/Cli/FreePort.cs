using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Rx.IotLink.Tests.Cli;

/// <summary>A port for a server that cannot say which one it took.</summary>
internal static class FreePort
{
    public static int Get()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public static string Text(this int port) => port.ToString(CultureInfo.InvariantCulture);
}
