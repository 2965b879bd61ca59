using System.Globalization;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>
/// Applications that await, in virtual time: whatever they wait for, they go on on the thread of the clock, so that one
/// seed is one history.
/// </summary>
public sealed class AwaitTests
{
    private const int Lives = 40;
    private readonly List<string> history = [];
    private SimulatedNetwork network = null!;
    private int clockThread;

    [TearDown]
    public void Close() => network.Dispose();

    [Test]
    public void A_device_that_awaits_its_writes_says_all_of_it_at_the_same_times_in_each_of_40_lives()
    {
        var first = Live(Begin);

        Assert.That(first, Has.Some.EndsWith("received 12"));
        for (var life = 2; life <= Lives; life++)
            Assert.That(Live(Begin), Is.EqualTo(first), $"life {life}");

        void Begin()
        {
            var server = network.AddServer(app: (process, _) => process.Links.Subscribe(link => link.Lines.Subscribe(line => Note($"received {line}"))));
            network.AddDevice("pump-1", server, app: (link, clock) => _ = SayAsync(link)).Path.Stalls(at: 300.ms(), lasting: 20.s());
        }
    }

    [Test]
    public void Every_task_of_the_api_goes_on_on_the_clock_in_each_of_40_lives()
    {
        var first = Live(Begin);

        Assert.That(first.Select(entry => entry[(entry.IndexOf(' ', StringComparison.Ordinal) + 1)..]), Is.SupersetOf((string[])
        [
            "device up", "device written", "device read hello", "device answered 42", "device wrote all", "device drained", "device closed",
            "server found", "server found all", "server wrote", "server took a", "server took b", "server stopped", "server stopped again",
        ]));
        for (var life = 2; life <= Lives; life++)
            Assert.That(Live(Begin), Is.EqualTo(first), $"life {life}");

        void Begin()
        {
            var server = network.AddServer(app: (process, clock) =>
            {
                _ = ServeAsync(process);
                clock.Schedule(50.s(), () => _ = StopAsync(process, "server stopped"));
                clock.Schedule(50.s(), () => _ = StopAsync(process, "server stopped again"));
            });
            network.AddDevice("pump-1", server, app: (link, clock) => _ = UseAsync((IotLinkClient)link, clock)).Path.Kills(at: 2.s());
        }
    }

    [Test]
    public void What_is_cancelled_goes_on_on_the_clock_too()
    {
        var first = Live(Begin);

        Assert.That(first.Select(entry => entry.Split(' ')[1]), Is.EquivalentTo((string[])["write", "utf8", "read", "up", "drain", "request", "device", "all"]));
        for (var life = 2; life <= Lives; life++)
            Assert.That(Live(Begin), Is.EqualTo(first), $"life {life}");

        void Begin()
        {
            var server = network.AddServer(app: (process, clock) =>
            {
                var patience = Patience(clock);
                Cancelled("device", process.WaitForAsync("nobody", patience));
                Cancelled("all", process.WaitForAllAsync(["nobody", "nobody else"], patience));
            });
            network.AddDevice("pump-1", server, app: (link, clock) =>
            {
                var patience = Patience(clock);
                Cancelled("write", link.WriteAsync("1", cancellationToken: patience));
                Cancelled("utf8", link.WriteUtf8Async(Encoding.ASCII.GetBytes("2"), cancellationToken: patience).AsTask());
                Cancelled("read", link.ReadLineAsync(patience));
                Cancelled("up", link.WaitUntilUpAsync(patience));
                Cancelled("drain", link.DrainAsync(patience));
                Cancelled("request", link.RequestAsync("3", new RequestOptions { Scheduler = clock }, patience));
            }).Path.Refuses(at: TimeSpan.Zero, lasting: 1.min());
        }
    }

    /// <summary>As a test of a framework that has one: xunit's, or that of a window.</summary>
    [Test]
    public void A_synchronization_context_of_the_test_does_not_take_them_off_the_clock()
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(new Context());
        try
        {
            A_device_that_awaits_its_writes_says_all_of_it_at_the_same_times_in_each_of_40_lives();
            Assert.That(SynchronizationContext.Current, Is.InstanceOf<Context>(), "it is there again");
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private List<string> Live(Action begin)
    {
        history.Clear();
        clockThread = Environment.CurrentManagedThreadId;
        using (network = SimulatedNetwork.On(new HistoricalScheduler(), seed: 7))
        {
            begin();
            network.RunFor(1.min());
        }

        lock (history)
            return [.. history];
    }

    private async Task SayAsync(ILink link)
    {
        await link.WaitUntilUpAsync();
        using var never = new CancellationTokenSource();
        for (var i = 0; i < 6; i++)
        {
            await link.WriteAsync($"{(2 * i) + 1}");
            Note("written");
            await link.WriteAsync($"{(2 * i) + 2}", cancellationToken: never.Token);
            Note("written");
        }
    }

    private async Task UseAsync(IotLinkClient link, IScheduler clock)
    {
        await link.WaitUntilUpAsync();
        Note("device up");
        await link.WriteUtf8Async(Encoding.ASCII.GetBytes("a"));
        Note("device written");
        Note($"device read {await link.ReadLineAsync()}");
        Note($"device answered {await link.RequestAsync("the question", new RequestOptions { Scheduler = clock, Session = "s" })}");
        await link.WriteAllAsync(new[] { "b", "c" }.ToAsyncEnumerable());
        Note("device wrote all");
        var (last, drained) = (link.WriteAsync("last"), link.DrainAsync());
        await drained;
        Note("device drained");
        await last;
        await link.CloseAsync();
        Note("device closed");
    }

    private async Task ServeAsync(IotLinkServer server)
    {
        var link = await server.WaitForAsync("pump-1");
        Note("server found");
        await server.WaitForAllAsync(["pump-1"]);
        Note("server found all");
        var answering = link.Respond((_, _) => Task.FromResult("42"));
        // Not awaited before the first line is read: both ends would wait for each other.
        _ = GreetAsync(link);
        await foreach (var line in link.ReadLinesAsync())
        {
            Note($"server took {line}");
            if (line == "a")
                answering.Subscribe();
        }
    }

    private async Task GreetAsync(ILink link)
    {
        await link.WriteAsync("hello");
        Note("server wrote");
    }

    private async Task StopAsync(IotLinkServer server, string note)
    {
        await server.StopAsync();
        Note(note);
    }

    private void Cancelled(string what, Task task)
    {
        _ = ThenAsync();

        async Task ThenAsync()
        {
            try
            {
                await task;
            }
            catch (OperationCanceledException)
            {
                Note(what);
            }
        }
    }

    private static CancellationToken Patience(IScheduler clock)
    {
        var patience = new CancellationTokenSource();
        clock.Schedule(10.s(), patience.Cancel);
        return patience.Token;
    }

    private void Note(string what)
    {
        var off = Environment.CurrentManagedThreadId == clockThread ? "" : " off the clock";
        lock (history)
            history.Add(string.Create(CultureInfo.InvariantCulture, $"{network.Now.TotalMilliseconds:F4} {what}{off}"));
    }

    private sealed class Context : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => ThreadPool.QueueUserWorkItem(_ => d(state));
    }
}
