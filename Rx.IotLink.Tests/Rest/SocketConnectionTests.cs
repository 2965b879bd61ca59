using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Transport;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Rest;

/// <summary>
/// A connection over a socket without a pipe in between: nothing is lost, whatever pieces it comes in, and it ends in
/// order.
/// </summary>
internal sealed class SocketConnectionTests : IDisposable
{
    private Socket peer = null!;
    private SocketConnection connection = null!;
    private int ended;

    [SetUp]
    public Task ConnectAsync() => ConnectAsync(TimeSpan.FromMilliseconds(200));

    private async Task ConnectAsync(TimeSpan timeout)
    {
        using var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listening.Listen();
        peer = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await peer.ConnectAsync(listening.LocalEndPoint!).Within();
        ended = 0;
        connection = new SocketConnection(await listening.AcceptAsync().Within(), DefaultScheduler.Instance, timeout, new Owner(() => Interlocked.Increment(ref ended)));
    }

    [TearDown]
    public void Dispose()
    {
        connection.Dispose();
        peer.Dispose();
    }

    [TestCase(1, 3)]
    [TestCase(1_000, 4_097)]
    [TestCase(200_000, 1)]
    [TestCase(65_536, 65_536)]
    public async Task What_is_not_consumed_is_given_again_with_what_comes_next(int first, int second)
    {
        var (a, b) = (Bytes(first), Bytes(second));
        await SendAsync(a);
        var unread = await ReadUntilAsync(first);
        connection.Input.AdvanceTo(unread.Start, unread.End);
        await SendAsync(b);
        Assert.That((await ReadUntilAsync(first + second)).ToArray(), Is.EqualTo([.. a, .. b]));
    }

    [Test]
    public async Task What_is_not_examined_is_given_again_at_once()
    {
        await SendAsync("one\ntwo\n"u8.ToArray());
        var unread = await ReadUntilAsync(8);
        connection.Input.AdvanceTo(unread.GetPosition(4));
        Assert.That(Encoding.ASCII.GetString((await connection.Input.ReadAsync().AsTask().Within()).Buffer.ToArray()), Is.EqualTo("two\n"));
    }

    [Test]
    public async Task A_read_that_is_cancelled_loses_nothing()
    {
        var reading = connection.Input.ReadAsync().AsTask();
        connection.Input.CancelPendingRead();
        Assert.That((await reading.Within()).IsCanceled, Is.True);
        connection.Input.CancelPendingRead();
        Assert.That((await connection.Input.ReadAsync().AsTask().Within()).IsCanceled, Is.True, "the next one");
        await SendAsync("x"u8.ToArray());
        Assert.That((await ReadUntilAsync(1)).ToArray(), Is.EqualTo("x"u8.ToArray()));
    }

    [Test]
    public async Task It_ends_with_FIN_though_something_has_come_unread()
    {
        await SendAsync("unread"u8.ToArray());
        await Bound.EventuallyAsync(() => connection.Input.TryRead(out var result) && result.Buffer.Length == 6);
        await SendAsync("more"u8.ToArray());
        connection.Output.Write("bye\n"u8);
        await connection.Output.CompleteAsync();
        connection.Dispose();
        connection.Served();
        Assert.That(await HearToEndAsync(), Is.EqualTo("bye\n"));
        peer.Shutdown(SocketShutdown.Send);
        await connection.Closed.Within();
        await Bound.EventuallyAsync(() => ended == 1);
    }

    [Test]
    public async Task What_arrives_after_the_end_is_taken_until_the_peer_has_ended_too()
    {
        Dispose();
        await ConnectAsync(Bound.Limit);
        connection.Output.Write("bye\n"u8);
        await connection.Output.CompleteAsync();
        connection.Dispose();
        // Far more than the buffers hold: a socket that was closed, or is not read, would not take it.
        await SendAsync(Bytes(20_000_000));
        Assert.That(connection.Closed.IsCompleted, Is.False);
        peer.Shutdown(SocketShutdown.Send);
        Assert.That(await HearToEndAsync(), Is.EqualTo("bye\n"), "FIN, not RST");
        await connection.Closed.Within();
    }

    [Test]
    public async Task A_peer_that_goes_on_for_ever_is_not_waited_for_longer_than_patience()
    {
        connection.Dispose();
        var flood = Bytes(100_000);
        Assert.That(async () =>
        {
            while (true)
                await SendAsync(flood);
        }, Throws.InstanceOf<SocketException>());
        await connection.Closed.Within();
    }

    [Test]
    public async Task A_read_whose_token_is_cancelled_is_cancelled()
    {
        using var cancelled = new CancellationTokenSource();
        var reading = connection.Input.ReadAsync(cancelled.Token).AsTask();
        await cancelled.CancelAsync();
        Assert.That(async () => await reading.Within(), Throws.InstanceOf<OperationCanceledException>());
        await SendAsync("x"u8.ToArray());
        Assert.That((await ReadUntilAsync(1)).ToArray(), Is.EqualTo("x"u8.ToArray()));
    }

    [Test]
    public async Task What_the_peer_does_not_take_at_once_is_sent_when_it_does()
    {
        var much = Bytes(20_000_000);
        var writing = connection.Output.WriteAsync(much).AsTask();
        Assert.That(writing.IsCompleted, Is.False, "more than any buffer of the system");
        var hearing = HearBytesAsync(much.Length);
        await writing.Within();
        Assert.That(await hearing, Is.EqualTo(much));
    }

    [Test]
    public async Task A_peer_that_takes_nothing_is_reset_after_a_while()
    {
        var writing = connection.Output.WriteAsync(Bytes(20_000_000)).AsTask();
        connection.Dispose();
        connection.Served();
        Assert.That(async () => await writing.Within(), Throws.InstanceOf<Exception>());
        await Bound.EventuallyAsync(() => ended == 1);
        Assert.That(async () => await HearToEndAsync(), Throws.InstanceOf<SocketException>(), "RST");
    }

    [Test]
    public async Task A_read_ends_with_an_error_when_the_connection_is_released()
    {
        var reading = connection.Input.ReadAsync().AsTask();
        connection.Dispose();
        Assert.That(async () => await reading.Within(), Throws.InstanceOf<IOException>());
    }

    [Test]
    public async Task A_reset_is_an_error_and_an_end_is_not()
    {
        peer.LingerState = new LingerOption(enable: true, seconds: 0);
        peer.Dispose();
        Assert.That(async () => await connection.Input.ReadAsync().AsTask().Within(), Throws.InstanceOf<IOException>());
        Dispose();
        await ConnectAsync();
        peer.Shutdown(SocketShutdown.Send);
        Assert.That((await connection.Input.ReadAsync().AsTask().Within()).IsCompleted, Is.True);
    }

    private static byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }

    private async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[await peer.SendAsync(bytes).Within()..];
    }

    private async Task<ReadOnlySequence<byte>> ReadUntilAsync(int length)
    {
        while (true)
        {
            var result = await connection.Input.ReadAsync().AsTask().Within();
            if (result.Buffer.Length >= length)
                return result.Buffer;
            connection.Input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    private async Task<byte[]> HearBytesAsync(int count)
    {
        var bytes = new byte[count];
        for (var read = 0; read < count;)
            read += await peer.ReceiveAsync(bytes.AsMemory(read)).Within();
        return bytes;
    }

    private async Task<string> HearToEndAsync()
    {
        var heard = new List<byte>();
        var buffer = new byte[65_536];
        while (await peer.ReceiveAsync(buffer).Within() is var read and > 0)
            heard.AddRange(buffer.AsSpan(0, read));
        return Encoding.ASCII.GetString([.. heard]);
    }

    private sealed class Owner(Action ended) : ISocketOwner
    {
        public bool TryCountFor(System.Net.EndPoint client) => true;

        public void Known() => Assert.Fail("nobody says so here");

        public void Ended() => ended();
    }
}
