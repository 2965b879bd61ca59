using System.Net;
using System.Net.Sockets;

namespace Peers;

/// <summary>A port of loopback that is free now, for servers that cannot choose one.</summary>
internal static class FreePort
{
    public static int Find()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
