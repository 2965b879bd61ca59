using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Rest;

/// <summary>
/// The system takes little for sending that it cannot send: the rest waits here, where it is known to wait.
/// </summary>
public sealed class SendBoundTests
{
    private const int PieceBytes = 4_096;

    [Test]
    public async Task A_peer_that_does_not_read_is_soon_one_that_nothing_is_taken_for([Values] bool atServer)
    {
        using var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 8_192 };
        listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listening.Listen();
        var (connection, peer) = atServer ? await AcceptedAsync(listening) : await ConnectedAsync(listening);
        using (peer)
        using (connection)
        {
            var taken = 0;
            while (taken < 10_000_000 && connection.Output.WriteAsync(new byte[PieceBytes]).AsTask().IsCompleted)
                taken += PieceBytes;

            await TestContext.Out.WriteLineAsync($"{taken} bytes were taken");
            Assert.That(taken, Is.LessThan(150_000));
        }
    }

    private static async Task<(IConnection Connection, Socket Peer)> ConnectedAsync(Socket listening)
    {
        var accepting = listening.AcceptAsync();
        var connection = await new TcpTransport("127.0.0.1", ((IPEndPoint)listening.LocalEndPoint!).Port, tls: null).Connect().ToTask().Within();
        return (connection, await accepting.Within());
    }

    private static async Task<(IConnection Connection, Socket Peer)> AcceptedAsync(Socket listening)
    {
        var peer = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 8_192 };
        await peer.ConnectAsync(listening.LocalEndPoint!).Within();
        return (new SocketConnection(await listening.AcceptAsync().Within(), DefaultScheduler.Instance, TimeSpan.FromSeconds(1)), peer);
    }
}
