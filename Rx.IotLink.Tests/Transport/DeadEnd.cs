using System.Net;
using System.Net.Sockets;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Transport;

/// <summary>
/// An address that does not answer: the queue of those who wait to be accepted there is full, so that the system drops
/// each further SYN.
/// </summary>
internal sealed class DeadEnd : IDisposable
{
    private readonly Socket listening;
    private readonly Socket waiting;

    private DeadEnd(AddressFamily family) =>
        (listening, waiting) = (new(family, SocketType.Stream, ProtocolType.Tcp), new(family, SocketType.Stream, ProtocolType.Tcp));

    public static async Task<DeadEnd> AtAsync(IPAddress address, int port)
    {
        var end = new DeadEnd(address.AddressFamily);
        try
        {
            end.listening.Bind(new IPEndPoint(address, port));
            // A queue for none has room for one.
            end.listening.Listen(0);
            await end.waiting.ConnectAsync(new IPEndPoint(address, port)).Within();
            return end;
        }
        catch
        {
            end.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        waiting.Dispose();
        listening.Dispose();
    }
}
