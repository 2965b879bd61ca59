using System.Collections.Concurrent;
using System.Globalization;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Interleaving;

/// <summary>
/// The operations of both ends of a link against each other, on threads that begin together at a barrier: writes,
/// cancellations, observers that come and go, readers, connections that are ended, and the end. Which orders they meet
/// in is the machine's choice, so each round is another. What must hold in all of them is checked: each write ends
/// once; what was accepted arrived; no line arrives twice, out of order, or after it was taken back.
/// </summary>
public sealed class OperationsTests : ServerTest
{
    private const int Rounds = 25;
    private const int Lines = 60;

    [Test]
    public async Task No_order_of_operations_breaks_a_promise([Values(1, 2)] int protocol, [Values] bool isClosedMeanwhile)
    {
        for (var round = 0; round < Rounds; round++)
        {
            var server = await IotLinkServer.StartAsync(ServerOptions with { Timeout = Short }).Within();
            var client = IotLinkClient.Start(ClientOptions(server.EndPoint, "1") with { Protocol = protocol, Timeout = Short });
            try
            {
                await PlayAsync(server, client, new Random(round), isClosedMeanwhile);
            }
            finally
            {
                await client.DisposeAsync().Within();
                await server.DisposeAsync().Within();
            }
        }
    }

    private static async Task PlayAsync(IotLinkServer server, IotLinkClient client, Random random, bool isClosedMeanwhile)
    {
        var link = await server.WaitForAsync("1").Within();
        var (up, down) = (new Direction(client, link), new Direction(link, client));
        using var observingUp = up.Observe();
        using var observingDown = down.Observe();
        var (ends, delays) = (random.Next(3), Enumerable.Range(0, 6).Select(_ => random.Next(0, 4_000)).ToArray());
        Action[] operations =
        [
            up.Write,
            down.Write,
            () => ComeAndGo(client, link),
            () => ComeAndGo(link, client),
            () => EndConnections(server),
            () =>
            {
                Thread.SpinWait(delays[0]);
                if (isClosedMeanwhile)
                    _ = ends switch { 0 => client.CloseAsync(), 1 => server.StopAsync(), _ => Task.WhenAll(client.CloseAsync(), server.StopAsync()) };
            },
        ];

        using var together = new Barrier(operations.Length);
        await Task.WhenAll(operations.Select((operation, i) => Task.Factory.StartNew(
            () =>
            {
                together.SignalAndWait(Bound.Limit);
                Thread.SpinWait(delays[i]);
                operation();
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))).Within("the operations return");

        // A write waits for as long as its own end is not closed.
        if (isClosedMeanwhile)
            await Task.WhenAll(client.CloseAsync(), server.StopAsync()).Within("both ends close");
        await up.CheckAsync(isClosedMeanwhile);
        await down.CheckAsync(isClosedMeanwhile);
    }

    /// <summary>
    /// Observers, and tasks that wait for an event, which leave again at once or are cancelled.
    /// </summary>
    private static void ComeAndGo(ILink here, ILink there)
    {
        for (var i = 0; i < Lines; i++)
        {
            using var cancelling = new CancellationTokenSource();
            var waits = Task.WhenAll(here.DrainAsync(cancelling.Token), there.WaitUntilUpAsync(cancelling.Token));
            using (here.State.Subscribe(_ => { }))
            using (there.Utf8Lines.Subscribe(_ => { }))
            using (here.Notices.Subscribe(_ => { }))
            using (there.Heard.Subscribe(_ => { }))
                cancelling.Cancel();
            _ = waits.ContinueWith(static t => t.Exception, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private static void EndConnections(IotLinkServer server)
    {
        for (var i = 0; i < 5; i++)
        {
            try
            {
                server.Disconnect("1");
            }
            catch (Exception exception) when (exception is UnknownDeviceException or IOException)
            {
                // The server has stopped.
                return;
            }

            Thread.SpinWait(20_000);
        }
    }

    /// <summary>The lines that one end writes to the other.</summary>
    private sealed class Direction(ILink from, ILink to)
    {
        private readonly ConcurrentQueue<int> arrived = new();
        private readonly Task[] writes = new Task[Lines];

        /// <summary>An observer that stays.</summary>
        public IDisposable Observe() => to.Lines.Subscribe(line => arrived.Enqueue(int.Parse(line, CultureInfo.InvariantCulture)), static _ => { });

        /// <summary>Writes lines, of which every third is cancelled at once by another thread.</summary>
        public void Write()
        {
            for (var i = 0; i < Lines; i++)
            {
                var line = i.ToString(CultureInfo.InvariantCulture);
                if (i % 3 != 0)
                {
                    writes[i] = from.WriteAsync(line);
                    continue;
                }

                var cancelling = new CancellationTokenSource();
                writes[i] = from.WriteAsync(line, cancellationToken: cancelling.Token);
                ThreadPool.UnsafeQueueUserWorkItem(static c => c.Cancel(), cancelling, preferLocal: false);
            }
        }

        public async Task CheckAsync(bool isClosed)
        {
            var ended = await Task.WhenAll(writes.Select(EndAsync)).Within("each write ends");
            // The last acceptance may be seen before the observer's own copy is in the queue: it is not.
            var lines = arrived.ToArray();
            Assert.That(lines, Is.Ordered.And.Unique, "in order, and once");
            for (var i = 0; i < Lines; i++)
            {
                Assert.That(ended[i] is Fate.Accepted, Is.False.Or.EqualTo(lines.Contains(i)), $"line {i} was accepted, so it arrived");
                Assert.That(ended[i] is Fate.TakenBack && lines.Contains(i), Is.False, $"line {i} was taken back, so it does not arrive");
                Assert.That(isClosed || ended[i] is not Fate.Closed, $"line {i} ended with a link that nobody closed");
            }
        }

        private static async Task<Fate> EndAsync(Task write)
        {
            try
            {
                await write;
                return Fate.Accepted;
            }
            catch (WriteCancelledException exception)
            {
                return exception.WasSent ? Fate.Unknown : Fate.TakenBack;
            }
            catch (IOException)
            {
                return Fate.Closed;
            }
        }

        private enum Fate
        {
            Accepted,
            TakenBack,
            Unknown,
            Closed,
        }
    }
}
