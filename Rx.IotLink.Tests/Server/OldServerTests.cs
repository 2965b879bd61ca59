using System.Net;
using System.Net.Sockets;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>A client that was not told a version, and a scripted server that does what micropython-iot's does: takes any first line for an id, and says a keepalive.</summary>
public sealed class OldServerTests : ServerTest
{
    [Test]
    public async Task A_client_without_a_key_speaks_its_protocol_from_the_next_connection_on()
    {
        using var old = new TcpListener(IPAddress.Loopback, 0);
        old.Start();
        var client = StartClient(ClientOptions((IPEndPoint)old.LocalEndpoint));
        var write = client.WriteAsync("hello");

        using (var first = await GreetAsync(old))
            Assert.That(first.FirstLine, Does.StartWith("IOTLINK/2 id=1 "));
        using var second = await GreetAsync(old);

        Assert.That(second.FirstLine, Is.EqualTo("1"));
        Assert.That(await second.Lines.ReadLineAsync().Within(), Is.Empty, "a keepalive at once, for which the server's messages wait");
        Assert.That(await second.Lines.ReadLineAsync().Within(), Is.EqualTo("00hello"));
        await second.Socket.SendAsync("00\n"u8.ToArray()).Within();
        await write.Within();
    }

    [Test]
    public async Task A_client_with_a_key_says_what_is_wrong_and_gives_nothing_away()
    {
        using var old = new TcpListener(IPAddress.Loopback, 0);
        old.Start();
        var client = StartClient(ClientOptions((IPEndPoint)old.LocalEndpoint) with { Key = new byte[32] });
        var notices = client.Notices.Record();

        using (await GreetAsync(old))
            Assert.That((await notices.TakeAsync(1))[0].Detail, Does.Contain("Protocol = 1"));
        using var second = await GreetAsync(old);

        Assert.That(second.FirstLine, Does.StartWith("IOTLINK/2 id=1 conn=2 "));
    }

    private static async Task<Greeted> GreetAsync(TcpListener old)
    {
        var socket = await old.AcceptSocketAsync().Within();
        var lines = new StreamReader(new NetworkStream(socket), Encoding.UTF8);
        var first = await lines.ReadLineAsync().Within();
        await socket.SendAsync("\n"u8.ToArray()).Within();
        return new Greeted(socket, lines, first!);
    }

    private sealed record Greeted(Socket Socket, StreamReader Lines, string FirstLine) : IDisposable
    {
        public void Dispose()
        {
            Lines.Dispose();
            Socket.Dispose();
        }
    }
}
