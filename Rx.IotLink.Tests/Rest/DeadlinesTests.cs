using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Time;

namespace Rx.IotLink.Tests.Rest;

/// <summary>The queue of deadlines: each rings at its tick, in order, and none for nothing.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class DeadlinesTests
{
    private readonly TestScheduler scheduler = new();
    private readonly List<(long Tick, string Name)> rang = [];

    [Test]
    public void Each_rings_at_the_very_tick()
    {
        var queue = Deadlines.On(scheduler);
        foreach (var at in (long[])[70, 30, 50, 30, 10])
            new Once(queue, $"{at}", at, Tell).Set();
        scheduler.AdvanceTo(100);
        Assert.That(rang, Is.EqualTo([(10L, "10"), (30L, "30"), (30L, "30"), (50L, "50"), (70L, "70")]));
        Assert.That(queue.Count, Is.Zero);
    }

    [Test]
    public void One_that_has_moved_later_rings_then_and_costs_nothing_until_its_first_time()
    {
        var queue = Deadlines.On(scheduler);
        var moved = new Once(queue, "moved", 10, Tell);
        moved.Set();
        moved.At = 40;
        scheduler.AdvanceTo(39);
        Assert.That(rang, Is.Empty);
        scheduler.AdvanceTo(40);
        Assert.That(rang, Is.EqualTo([(40L, "moved")]));
    }

    [Test]
    public void One_that_is_removed_rings_no_more_and_cannot_be_set_again()
    {
        var queue = Deadlines.On(scheduler);
        var gone = new Once(queue, "gone", 10, Tell);
        gone.Set();
        gone.Dispose();
        gone.Set();
        scheduler.AdvanceTo(100);
        Assert.That(rang, Is.Empty);
        Assert.That(queue.Count, Is.Zero);
    }

    /// <summary>On the real clock, where one thread carries out all that are due together.</summary>
    [Test]
    public async Task Those_that_block_delay_no_other_that_is_due_with_them()
    {
        const int Blocking = 4;
        const int Others = 20;
        var queue = Deadlines.On(DefaultScheduler.Instance);
        using var released = new ManualResetEventSlim();
        using var blocked = new CountdownEvent(Blocking);
        var others = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var left = Others;
        var at = queue.Now.Ticks + TimeSpan.TicksPerSecond;
        for (var i = 0; i < Blocking + Others; i++)
            new Once(queue, i % 6 == 0 ? "blocks" : "other", at, Ring).Set();

        await others.Task.Within("each is carried out");
        Assert.That(blocked.Wait(Bound.Limit));
        released.Set();

        void Ring(string name)
        {
            if (name == "other")
            {
                if (Interlocked.Decrement(ref left) == 0)
                    others.SetResult();
                return;
            }

            blocked.Signal();
            released.Wait();
        }
    }

    /// <summary>
    /// A scheduler is somebody else's code: what it does when a timer is disposed of may wait for another thread, which
    /// sets a deadline.
    /// </summary>
    [Test]
    public void No_timer_of_a_scheduler_is_disposed_of_under_the_lock()
    {
        var asking = new AskingScheduler(scheduler);
        var queue = Deadlines.On(asking);
        var free = new List<bool>();
        asking.Ask = () =>
        {
            using var asked = new ManualResetEventSlim();
            var other = new Thread(() =>
            {
                _ = queue.Count;
                asked.Set();
            });
            other.Start();
            free.Add(asked.Wait(TimeSpan.FromSeconds(2)));
        };
        var (late, early) = (new Once(queue, "late", 50, Tell), new Once(queue, "early", 10, Tell));

        late.Set();
        early.Set();
        Assert.That(free, Is.EqualTo([true]), "the timer of the later one");
        early.Dispose();
        late.Dispose();

        Assert.That(free, Is.EqualTo([true, true]), "that of the last one, too");
    }

    /// <summary>Against a list that is searched: whatever is set, moved and removed, in whatever order.</summary>
    [Test]
    public void Any_number_ring_as_a_list_of_them_would()
    {
        var step = Gen.Choose(0, 9).SelectMany(kind => Gen.Choose(0, 19).SelectMany(which => Gen.Choose(1, 60).Select(ticks => (kind, which, ticks))));
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(200), Prop.ForAll(step.ListOf().ToArbitrary(), steps => Matches([.. steps])));
    }

    private static void Matches(List<(int Kind, int Which, int Ticks)> steps)
    {
        var clock = new TestScheduler();
        var queue = Deadlines.On(clock);
        var (rings, expected) = (new List<(long, string)>(), new List<(long, string)>());
        var all = new Dictionary<int, Once>();
        foreach (var (kind, which, ticks) in steps)
        {
            if (kind < 6)
            {
                if (!all.TryGetValue(which, out var one))
                    all.Add(which, one = new Once(queue, $"{which}", 0, name => rings.Add((clock.Clock, name))));
                one.At = clock.Clock + ticks;
                one.Set();
            }
            else if (kind < 7 && all.Remove(which, out var removed))
            {
                removed.Dispose();
            }
            else
            {
                expected.AddRange(all.Values.Where(o => o.At is { } at && at <= clock.Clock + ticks).Select(o => (o.At!.Value, o.Name)));
                clock.AdvanceBy(ticks);
            }
        }

        Assert.That(rings.Order(), Is.EqualTo(expected.Order()));
        Assert.That(rings.Select(r => r.Item1), Is.Ordered);
        Assert.That(queue.Count, Is.EqualTo(all.Values.Count(o => o.At is not null)));
    }

    private void Tell(string name) => rang.Add((scheduler.Clock, name));

    private sealed class Once(Deadlines queue, string name, long at, Action<string> tell) : Deadline(queue)
    {
        public string Name => name;

        public long? At { get; set; } = at;

        public override TimeSpan? Due => At is { } ticks ? TimeSpan.FromTicks(ticks) : null;

        public override void Rang(TimeSpan now) => At = null;

        public override void Execute() => tell(name);
    }

    /// <summary>Asks something whenever one of its timers is disposed of.</summary>
    private sealed class AskingScheduler(TestScheduler clock) : IScheduler
    {
        public Action Ask { get; set; } = static () => { };

        public DateTimeOffset Now => clock.Now;

        public IDisposable Schedule<TState>(TState state, Func<IScheduler, TState, IDisposable> action) => Asking(clock.Schedule(state, action));

        public IDisposable Schedule<TState>(TState state, TimeSpan dueTime, Func<IScheduler, TState, IDisposable> action) => Asking(clock.Schedule(state, dueTime, action));

        public IDisposable Schedule<TState>(TState state, DateTimeOffset dueTime, Func<IScheduler, TState, IDisposable> action) => Asking(clock.Schedule(state, dueTime, action));

        private IDisposable Asking(IDisposable timer) => Disposable.Create(() =>
        {
            timer.Dispose();
            Ask();
        });
    }
}
