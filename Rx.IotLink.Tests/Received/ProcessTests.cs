using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Received;

/// <summary>
/// Handlers of a whole fleet, in virtual time: order, bound, attempts, dead letters; and one that throws, blocks, never
/// ends or lies harms its own device alone.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ProcessTests : IDisposable
{
    private static readonly ProcessOptions Options = new() { BackOff = new() { Initial = 1.s(), Factor = 2, Jitter = 0 } };

    private readonly TestScheduler clock = new();
    private readonly SimulatedNetwork network;
    private readonly List<(string Id, string Text, TimeSpan At)> calls = [];
    private SimulatedServer server = null!;
    private int atOnce;
    private int mostAtOnce;

    public ProcessTests() => network = SimulatedNetwork.On(clock);

    public void Dispose() => network.Dispose();

    [Test]
    public void Lines_of_a_device_are_processed_in_order_and_one_at_a_time()
    {
        var (a, b) = Start(line => After(1.s()), "a", "b");
        Write(a, "1", "2", "3");
        Write(b, "1", "2", "3");
        network.RunFor(2.5.s());
        Assert.That((TextsOf("a"), TextsOf("b"), mostAtOnce), Is.EqualTo(("123", "123", 2)));
        Assert.That((a.Link.Counters.Outbox, b.Link.Counters.Outbox), Is.EqualTo((1, 1)), "the third is not accepted yet");
        network.RunFor(2.s());
        Assert.That((a.Link.Counters.Outbox, b.Link.Counters.Outbox), Is.EqualTo((0, 0)));
    }

    [Test]
    public void Not_more_handlers_run_at_once_than_the_bound_and_none_is_forgotten()
    {
        var devices = Start(line => After(1.s()), Options with { MaxConcurrent = 3 }, [.. Enumerable.Range(0, 10).Select(n => $"{n}")]);
        foreach (var device in devices)
            Write(device, "x", "y");
        network.RunFor(30.s());
        Assert.That((mostAtOnce, calls.Count), Is.EqualTo((3, 20)));
        Assert.That(devices.Select(d => d.Link.Counters.Outbox), Is.All.Zero);
    }

    [Test]
    public void A_handler_that_throws_is_run_again_with_longer_delays_and_delays_no_other_device()
    {
        var fails = 3;
        var (a, b) = Start(
            line => line is { DeviceId: "a", Text: "1" } && fails-- > 0 ? throw new InvalidOperationException("planted") : Task.CompletedTask, "a", "b");
        Write(a, "1", "2");
        network.RunFor(0.5.s());
        Write(b, "1", "2");
        network.RunFor(10.s());
        Assert.That((TextsOf("a"), TextsOf("b")), Is.EqualTo(("11112", "12")));
        var times = calls.Where(c => c.Id == "a").Select(c => c.At).ToList();
        Assert.That(times.Zip(times.Skip(1), (x, y) => y - x), Is.EqualTo([1.s(), 2.s(), 4.s(), 0.s()]).Within(0.01.s()));
        Assert.That(calls.Last(c => c.Id == "b").At, Is.LessThan(2.s()));
    }

    [Test]
    public void A_line_that_fails_too_often_is_a_dead_letter_and_the_next_follows()
    {
        var dead = new List<DeadLetter>();
        var deadFails = 1;
        var (a, _) = Start(line => line.Text == "bad" ? Task.FromException(new FormatException("no number")) : Task.CompletedTask, Options with
        {
            MaxAttempts = 3,
            DeadLetters = (letter, _) =>
            {
                dead.Add(letter);
                return deadFails-- > 0 ? throw new IOException("the table is away") : Task.CompletedTask;
            },
        }, "a", "b");
        Write(a, "1", "bad", "2");
        network.RunFor(60.s());
        Assert.That(TextsOf("a"), Is.EqualTo("1badbadbad2"));
        Assert.That(dead.Select(d => (d.Line.Text, d.Attempts, d.Error.Message)), Is.EqualTo([("bad", 3, "no number"), ("bad", 3, "no number")]));
        Assert.That(a.Link.Counters.Outbox, Is.Zero);
    }

    [Test]
    public void Without_dead_letters_a_line_is_tried_until_it_succeeds()
    {
        var healed = false;
        var (a, _) = Start(line => healed ? Task.CompletedTask : Task.FromException(new IOException("away")), "a", "b");
        Write(a, "1", "2");
        network.RunFor(10.min());
        Assert.That(calls.Count, Is.GreaterThan(20));
        Assert.That(TextsOf("a"), Does.Not.Contain("2"));
        healed = true;
        network.RunFor(31.s());
        Assert.That(TextsOf("a"), Does.EndWith("12"));
        Assert.That(a.Link.Counters.Outbox, Is.Zero);
    }

    [Test]
    public void A_handler_that_never_ends_is_cancelled_gives_its_slot_back_and_stops_its_device_alone()
    {
        var never = new TaskCompletionSource();
        var cancelled = false;
        var (a, b) = Start(
            (line, token) =>
            {
                token.Register(() => cancelled = true);
                return line.DeviceId == "a" ? never.Task : Task.CompletedTask;
            },
            Options with { MaxConcurrent = 1, HandlerTimeout = 10.s() }, "a", "b");
        Write(a, "1", "2");
        network.RunFor(1.s());
        Write(b, "1");
        network.RunFor(5.s());
        Assert.That((TextsOf("b"), cancelled), Is.EqualTo(("", false)), "the only slot is taken");
        network.RunFor(60.s());
        Assert.That((TextsOf("a"), TextsOf("b"), cancelled), Is.EqualTo(("1", "1", true)));
        clock.ScheduleRelative(0.1.s(), never.SetResult);
        network.RunFor(1.s());
        Assert.That(TextsOf("a"), Is.EqualTo("12"), "late is better than twice");
    }

    [Test]
    public void A_handler_that_lies_is_like_one_that_fails_or_succeeds()
    {
        var odd = 1;
        var (a, _) = Start(
            line =>
            {
                // Nobody has cancelled it.
                if (line.Text == "odd" && odd-- > 0)
                    throw new OperationCanceledException();
                // Accepted too early, and twice.
                line.Accept();
                line.Accept();
                return Task.CompletedTask;
            }, "a", "b");
        Write(a, "1", "odd", "2");
        network.RunFor(30.s());
        Assert.That(TextsOf("a"), Is.EqualTo("1oddodd2"));
        Assert.That((a.Link.Counters.Outbox, server.Link("a").Counters.LinesReceived), Is.EqualTo((0, 3)));
    }

    [Test]
    public void Whoever_processes_next_goes_on_where_it_was_ended()
    {
        var (a, _) = Start(line => line.Text == "2" ? new TaskCompletionSource().Task : Task.CompletedTask, "a", "b");
        Write(a, "1", "2", "3");
        network.RunFor(5.s());
        processing.Dispose();
        network.RunFor(1.s());
        var next = new List<string>();
        using var again = server.Process.Process((line, _) =>
        {
            next.Add(line.Text);
            return Task.CompletedTask;
        });
        network.RunFor(5.s());
        Assert.That(next, Is.EqualTo(["2", "3"]));
        Assert.That(a.Link.Counters.Outbox, Is.Zero);
    }

    [TestCase(0, 60, 5)]
    [TestCase(64, 0.001, 5)]
    [TestCase(64, 60, 0)]
    public void An_option_out_of_range_is_named(int concurrent, double seconds, int attempts)
    {
        Start(_ => Task.CompletedTask, "a", "b");
        var options = new ProcessOptions { MaxConcurrent = concurrent, HandlerTimeout = TimeSpan.FromSeconds(seconds), MaxAttempts = attempts };
        Assert.That(() => server.Process.Process((_, _) => Task.CompletedTask, options), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    private IDisposable processing = null!;

    private (SimulatedDevice A, SimulatedDevice B) Start(Func<ReceivedLine, Task> handler, string a, string b) => Start(handler, Options, a, b);

    private (SimulatedDevice A, SimulatedDevice B) Start(Func<ReceivedLine, Task> handler, ProcessOptions options, string a, string b) =>
        Start((line, _) => handler(line), options, a, b);

    private (SimulatedDevice A, SimulatedDevice B) Start(Func<ReceivedLine, CancellationToken, Task> handler, ProcessOptions options, string a, string b)
    {
        var devices = Start(handler, options, [a, b]);
        return (devices[0], devices[1]);
    }

    private List<SimulatedDevice> Start(Func<ReceivedLine, Task> handler, ProcessOptions options, string[] ids) => Start((line, _) => handler(line), options, ids);

    private List<SimulatedDevice> Start(Func<ReceivedLine, CancellationToken, Task> handler, ProcessOptions options, string[] ids)
    {
        server = network.AddServer(app: (process, _) => processing = process.Process(
            async (line, token) =>
            {
                calls.Add((line.DeviceId, line.Text, network.Now));
                mostAtOnce = Math.Max(mostAtOnce, ++atOnce);
                try
                {
                    await handler(line, token).ConfigureAwait(false);
                }
                finally
                {
                    atOnce--;
                }
            },
            options));
        List<SimulatedDevice> devices = [.. ids.Select(id => network.AddDevice(id, server))];
        network.RunFor(1.s());
        return devices;
    }

    private Task After(TimeSpan time)
    {
        var ended = new TaskCompletionSource();
        clock.ScheduleRelative(time, ended.SetResult);
        return ended.Task;
    }

    private static void Write(SimulatedDevice device, params string[] lines)
    {
        foreach (var line in lines)
            device.Link.Writer.OnNext(line);
    }

    private string TextsOf(string id) => string.Concat(calls.Where(c => c.Id == id).Select(c => c.Text));
}

internal static class TestSchedulerExtensions
{
    public static void ScheduleRelative(this TestScheduler clock, TimeSpan time, Action action) =>
        System.Reactive.Concurrency.Scheduler.Schedule(clock, time, action);
}
