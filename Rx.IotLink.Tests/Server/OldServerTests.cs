using System.Net;
using System.Net.Sockets;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>
/// A client without a set version, and a scripted server that does what micropython-iot's does: takes any first
/// line for an id, and says a keepalive.
/// </summary>
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

    /// <summary>
    /// After a reset in which its keepalive could not be sent, micropython-iot's server waits for its client to speak,
    /// before it says a word.
    /// </summary>
    [Test]
    public async Task A_server_that_waits_to_be_spoken_to_after_a_reset_is_spoken_to()
    {
        using var old = new TcpListener(IPAddress.Loopback, 0);
        old.Start();
        var client = StartClient(ClientOptions((IPEndPoint)old.LocalEndpoint) with { Protocol = 1, Timeout = Short });
        using (var first = await GreetAsync(old))
        {
            await client.State.FirstAsync(s => s.IsUp);
            first.Socket.Close(0);
        }

        _ = AnswerEachLineAsync(old);

        await client.State.FirstAsync(s => s is { IsUp: true, Connections: > 1 });
    }

    /// <summary>
    /// Says a keepalive for each line that comes after the id, and nothing else, on one connection after the other.
    /// </summary>
    private static async Task AnswerEachLineAsync(TcpListener old)
    {
        while (true)
        {
            using var greeted = await AcceptAsync(old);
            try
            {
                while (await greeted.Lines.ReadLineAsync() is not null)
                    await greeted.Socket.SendAsync("\n"u8.ToArray());
            }
            catch (Exception exception) when (exception is IOException or SocketException)
            {
                // The client has given this connection up, as it may on a busy machine.
            }
        }
    }

    private static async Task<Greeted> AcceptAsync(TcpListener old)
    {
        var socket = await old.AcceptSocketAsync().Within();
        var lines = new StreamReader(new NetworkStream(socket), Encoding.UTF8);
        return new Greeted(socket, lines, (await lines.ReadLineAsync().Within())!);
    }

    private static async Task<Greeted> GreetAsync(TcpListener old)
    {
        var accepted = await AcceptAsync(old);
        await accepted.Socket.SendAsync("\n"u8.ToArray()).Within();
        return accepted;
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
