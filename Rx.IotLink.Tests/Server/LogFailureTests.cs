using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>
/// A log whose provider throws, for want of disk or descriptors, harms nothing but itself; and what nobody waits for
/// does not fail unseen.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LogFailureTests : ServerTest
{
    [Test]
    public async Task One_exception_of_a_provider_ends_no_stream_of_the_server()
    {
        using var log = new FailingLog(entry => entry == 21, times: 1);
        var server = await StartServerAsync(ServerOptions with { LoggerFactory = log });
        var (changes, devices) = (server.Changes.Record(), server.ObserveConnections().Record());
        (await JoinAsync(server)).Dispose();
        await changes.UntilAsync(c => c.Any(x => x.Kind == LinkChangeKind.Down), "down is reported, though it could not be logged");

        await JoinAsync(server);

        await changes.UntilAsync(c => c.Count(x => x.Kind == LinkChangeKind.Up) == 2, "up again is reported");
        await devices.UntilAsync(d => d.Any(x => x.State is { IsUp: true, Connections: 2 }), "up again is observed");
        Assert.That(server.Counters.LogFailures, Is.EqualTo(1));
    }

    [Test]
    public async Task With_a_log_that_always_throws_all_goes_on([Values] bool asksFirst)
    {
        using var log = new FailingLog(_ => true, times: int.MaxValue, asksFirst);
        var server = await StartServerAsync(ServerOptions with { LoggerFactory = log, UnknownIds = UnknownIdPolicy.Refuse, Expected = ["1"] });
        var changes = server.Changes.Record();
        using var reading = server.Links.Subscribe(link => link.Lines.Subscribe());
        (await ConnectAsync(server, "stranger")).Dispose();
        await changes.FirstAsync(c => c.Kind == LinkChangeKind.Refused);
        var client = StartClient(server);

        await client.WaitUntilUpAsync().Within();
        await client.WriteAsync("hello").Within();

        await server.StopAsync().Within();
        Assert.That(server.Counters.LogFailures, Is.GreaterThan(4));
    }

    /// <summary>A refused connection that was reset already must not cause an unobserved exception.</summary>
    [Test]
    public async Task Refused_connections_that_had_reset_leave_no_unobserved_exception()
    {
        List<string> unobserved = [];
        void Note(object? sender, UnobservedTaskExceptionEventArgs e)
        {
            lock (unobserved)
                unobserved.Add(e.Exception.ToString());
        }

        var server = await StartServerAsync(ServerOptions with { UnknownIds = UnknownIdPolicy.Refuse });
        TaskScheduler.UnobservedTaskException += Note;
        try
        {
            for (var knock = 0; knock < 2_000; knock++)
                await KnockAndResetAsync(server.EndPoint);
            await Bound.EventuallyAsync(() => server.Counters is { Connections: 0 } c && c.Refused.Values.Sum() == 2_000);
            for (var collection = 0; collection < 3; collection++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= Note;
        }

        // Other tests of this process may have theirs.
        Assert.That(unobserved.Where(e => e.Contains("Rx.IotLink.Server", StringComparison.Ordinal)), Is.Empty);
    }

    private static async Task KnockAndResetAsync(IPEndPoint endpoint)
    {
        using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(enable: true, seconds: 0) };
        await socket.ConnectAsync(endpoint).Within();
        await socket.SendAsync("IOTLINK/2 id=stranger conn=1 epoch=1 tx=1 window=1 max=100\n"u8.ToArray()).Within();
    }

    /// <summary>A log that throws.</summary>
    private sealed class FailingLog(Func<int, bool> fails, int times, bool throwsWhenAsked = false) : ILoggerFactory, ILogger
    {
        private int left = times;

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => throwsWhenAsked ? throw new IOException("the log") : true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (fails(eventId.Id) && Interlocked.Decrement(ref left) >= 0)
                throw new IOException("the disk is full");
        }

        public void Dispose()
        {
        }
    }
}
