using System.Diagnostics;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Transport;

/// <summary>Ends that meet beginnings, and ends that meet ends.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class StopTests : ServerTest
{
    /// <summary>An exception on the thread that serves such a connection would end the process, this one too.</summary>
    [Test]
    public async Task A_connection_that_is_accepted_in_the_moment_of_StopAsync_harms_nothing()
    {
        for (var round = 0; round < 200; round++)
        {
            await using var server = await IotLinkServer.StartAsync(ServerOptions).Within();
            var endpoint = server.EndPoint;
            var knocking = Task.WhenAll(Enumerable.Range(0, 4).Select(_ => KnockAsync(endpoint)));
            await server.StopAsync().Within();
            await knocking.Within();
            Assert.That(server.Counters.Connections, Is.Zero);
        }
    }

    [Test]
    public async Task A_connection_that_was_accepted_when_all_had_ended_is_closed()
    {
        var options = ServerOptions;
        using var acceptor = SocketAcceptor.Listen(options, mostOpen: 10, _ => Assert.Fail("it is not turned away for want of room"), new ServerLog(options.LoggerFactory.CreateLogger(""), System.Reactive.Concurrency.DefaultScheduler.Instance));
        using var late = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await late.ConnectAsync(acceptor.EndPoint).Within();
        var stopped = acceptor.StopAsync();
        Assert.That(stopped.IsCompleted, Is.True);

        Assert.That(acceptor.Take(late), Is.Null);

        Assert.That(() => late.Available, Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public async Task A_second_CloseAsync_waits_for_the_farewell_as_the_first_does()
    {
        var transport = new SlowToEnd();
        var client = IotLinkClient.Start(ClientOptions(new IPEndPoint(IPAddress.Loopback, 1)) with { Transport = transport });
        await client.WaitUntilUpAsync().Within();
        // While the first is just saying it.
        var second = Task.CompletedTask;
        transport.Ending = () => second = client.CloseAsync();

        var first = client.CloseAsync();
        var third = client.DisposeAsync().AsTask();

        Assert.That((first.IsCompleted, second.IsCompleted, third.IsCompleted), Is.EqualTo((false, false, false)));
        transport.End();
        await Task.WhenAll(first, second, third).Within();
    }

    /// <summary>
    /// Else the system resets the connection when the process ends just then, and the farewell is lost.
    /// </summary>
    [Test]
    public async Task CloseAsync_waits_until_the_server_has_ended_the_connection_too()
    {
        using var listening = new TcpListener(IPAddress.Loopback, 0);
        listening.Start();
        var client = StartClient(ClientOptions((IPEndPoint)listening.LocalEndpoint) with { Protocol = 1 });
        using var accepted = await listening.AcceptSocketAsync().Within();
        await accepted.SendAsync("\n"u8.ToArray()).Within();
        await client.WaitUntilUpAsync().Within();

        var closing = client.CloseAsync();
        var buffer = new byte[100];
        while (await accepted.ReceiveAsync(buffer).Within() > 0)
            Assert.That(closing.IsCompleted, Is.False);
        Assert.That(closing.IsCompleted, Is.False);
        accepted.Shutdown(SocketShutdown.Send);

        await closing.Within();
    }

    /// <summary>Both ends' connections are of the class that allows it.</summary>
    [Test]
    public async Task Who_waits_for_one_line_goes_on_on_the_thread_that_read_the_acknowledgement([Values] bool onServer)
    {
        var server = await StartServerAsync();
        var client = StartClient(server);
        await client.WaitUntilUpAsync().Within();
        var link = await server.WaitForAsync("1").Within();
        var (from, to) = onServer ? (link, (ILink)client) : (client, link);
        using var reading = to.Lines.Subscribe();
        var there = 0;
        for (var line = 0; line < 100; line++)
        {
            await from.WriteAsync("one line").ContinueWith(
                _ => there += new StackTrace().ToString().Contains("ServedConnection.ReadAsync", StringComparison.Ordinal) ? 1 : 0,
                CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default).Within();
        }

        // Not where the next bytes are there already, or the acknowledgement was quicker than the writer.
        Assert.That(there, Is.GreaterThan(10));
    }

    private static async Task KnockAsync(IPEndPoint endpoint)
    {
        using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(endpoint);
        }
        catch (SocketException)
        {
            // It has stopped.
        }
    }

    /// <summary>Makes one connection, whose output is ended only when the test allows it.</summary>
    private sealed class SlowToEnd : ITransport
    {
        private readonly TaskCompletionSource mayEnd = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Action Ending { get; set; } = () => { };

        public void End() => mayEnd.SetResult();

        public IObservable<IConnection> Connect() => Observable.Return<IConnection>(new Connection(this));

        private sealed class Connection : IConnection
        {
            private readonly Pipe input = new();

            public Connection(SlowToEnd owner)
            {
                Output = new Writer(PipeWriter.Create(Stream.Null), owner);
                _ = input.Writer.WriteAsync("IOTLINK/2 ok epoch=1 tx=1 window=64 max=4000 timeout=20000\n"u8.ToArray()).AsTask();
            }

            public PipeReader Input => input.Reader;

            public PipeWriter Output { get; }

            public EndPoint? RemoteEndPoint => null;

            public void Dispose() => input.Writer.Complete();
        }

        private sealed class Writer(PipeWriter inner, SlowToEnd owner) : PipeWriter
        {
            public override void Advance(int bytes) => inner.Advance(bytes);

            public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

            public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

            public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => inner.FlushAsync(cancellationToken);

            public override void CancelPendingFlush() => inner.CancelPendingFlush();

            public override void Complete(Exception? exception = null) => inner.Complete(exception);

            public override async ValueTask CompleteAsync(Exception? exception = null)
            {
                owner.Ending();
                await owner.mayEnd.Task;
                await inner.CompleteAsync(exception);
            }
        }
    }
}
