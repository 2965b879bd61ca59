using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;

namespace Rx.IotLink.Tests;

/// <summary>
/// What our tests count on in Microsoft.Reactive.Testing. It holds for the package and for the stand-in of it in
/// ReactiveTesting/: a test that passes only with one of them has a bug, or found a fact that is missing here.
/// </summary>
public sealed partial class ReactiveTestingTests : ReactiveTest
{
    private readonly InvalidOperationException error = new("broken");

    [Test]
    public void The_clock_starts_at_zero_and_one_tick_of_it_is_one_tick_of_a_TimeSpan()
    {
        var scheduler = new TestScheduler();
        Assert.That(scheduler.Clock, Is.Zero);

        scheduler.AdvanceBy(TimeSpan.FromSeconds(1).Ticks);

        Assert.That(scheduler.Clock, Is.EqualTo(10_000_000));
        Assert.That(scheduler.Now, Is.EqualTo(new DateTimeOffset(10_000_000, TimeSpan.Zero)));
    }

    [Test]
    public void Work_due_now_or_earlier_runs_one_tick_later()
    {
        var scheduler = new TestScheduler();
        var ran = new List<(string Due, long At)>();
        scheduler.AdvanceTo(100);

        scheduler.ScheduleAbsolute(40, () => ran.Add(("past", scheduler.Clock)));
        scheduler.ScheduleAbsolute(100, () => ran.Add(("now", scheduler.Clock)));
        scheduler.ScheduleRelative(0, () => ran.Add(("in zero ticks", scheduler.Clock)));
        scheduler.ScheduleRelative(-7, () => ran.Add(("seven ticks ago", scheduler.Clock)));
        scheduler.Schedule(() => ran.Add(("at once", scheduler.Clock)));
        scheduler.Schedule(TimeSpan.FromTicks(-3), () => ran.Add(("negative span", scheduler.Clock)));
        scheduler.Schedule(scheduler.Now, () => ran.Add(("date", scheduler.Clock)));
        Assert.That(ran, Is.Empty, "nothing runs before the clock moves");
        scheduler.Start();

        string[] order = ["past", "now", "in zero ticks", "seven ticks ago", "at once", "negative span", "date"];
        Assert.That(ran, Is.EqualTo(order.Select(due => (due, 101L))));
    }

    [Test]
    public void Each_step_of_immediate_recursion_costs_a_tick()
    {
        var scheduler = new TestScheduler();
        var ticks = new List<long>();

        scheduler.Schedule(again =>
        {
            ticks.Add(scheduler.Clock);
            if (ticks.Count < 3)
                again();
        });
        scheduler.Start();

        Assert.That(ticks, Is.EqualTo([1L, 2L, 3L]));
    }

    [Test]
    public void Work_of_different_times_runs_by_time_and_of_the_same_time_in_the_order_of_scheduling()
    {
        var scheduler = new TestScheduler();
        var ran = new List<string>();

        scheduler.ScheduleAbsolute(30, () => ran.Add("late"));
        scheduler.ScheduleAbsolute(20, () => ran.Add("first"));
        scheduler.Schedule(new DateTimeOffset(20, TimeSpan.Zero), () => ran.Add("second"));
        scheduler.Schedule(TimeSpan.FromTicks(20), () => ran.Add("third"));
        scheduler.ScheduleAbsolute(10, () => ran.Add("early"));
        scheduler.Start();

        Assert.That(ran, Is.EqualTo(["early", "first", "second", "third", "late"]));
        Assert.That(scheduler.Clock, Is.EqualTo(30), "the clock stands at the last work");
    }

    [Test]
    public void Disposed_work_does_not_run()
    {
        var scheduler = new TestScheduler();
        var ran = new List<long>();

        var cancelled = scheduler.ScheduleAbsolute(10, () => ran.Add(10));
        scheduler.ScheduleAbsolute(20, () => ran.Add(20));
        cancelled.Dispose();
        scheduler.Start();

        Assert.That(ran, Is.EqualTo([20L]));
    }

    [Test]
    public void AdvanceTo_runs_what_is_due_up_to_and_at_the_time_and_leaves_the_clock_there()
    {
        var scheduler = new TestScheduler();
        var ran = new List<long>();
        foreach (var time in new long[] { 10, 20, 21 })
            scheduler.ScheduleAbsolute(time, () => ran.Add(scheduler.Clock));

        scheduler.AdvanceTo(20);
        Assert.That(ran, Is.EqualTo([10L, 20L]));
        Assert.That(scheduler.Clock, Is.EqualTo(20));

        scheduler.AdvanceTo(500);
        Assert.That(ran, Is.EqualTo([10L, 20L, 21L]));
        Assert.That(scheduler.Clock, Is.EqualTo(500));
    }

    [Test]
    public void AdvanceBy_counts_from_now_and_runs_what_is_due_at_its_last_tick()
    {
        var scheduler = new TestScheduler();
        var ran = new List<long>();
        scheduler.AdvanceBy(100);
        scheduler.ScheduleRelative(10, () => ran.Add(scheduler.Clock));

        scheduler.AdvanceBy(9);
        Assert.That(ran, Is.Empty);

        scheduler.AdvanceBy(1);
        Assert.That(ran, Is.EqualTo([110L]));
        Assert.That(scheduler.Clock, Is.EqualTo(110));
    }

    [Test]
    public void Work_scheduled_while_advancing_runs_within_the_same_advance_if_it_is_due()
    {
        var scheduler = new TestScheduler();
        var ran = new List<long>();
        scheduler.ScheduleAbsolute(10, () =>
        {
            scheduler.ScheduleRelative(10, () => ran.Add(scheduler.Clock));
            scheduler.ScheduleRelative(11, () => ran.Add(scheduler.Clock));
        });

        scheduler.AdvanceTo(20);

        Assert.That(ran, Is.EqualTo([20L]));
    }

    [Test]
    public void The_clock_never_goes_back()
    {
        var scheduler = new TestScheduler();
        scheduler.AdvanceTo(100);

        Assert.That(() => scheduler.AdvanceTo(99), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => scheduler.AdvanceBy(-1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => scheduler.Sleep(-1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(scheduler.Clock, Is.EqualTo(100));
    }

    [Test]
    public void Work_cannot_advance_the_clock_it_runs_on()
    {
        var scheduler = new TestScheduler();
        var refused = new List<Exception?>();
        scheduler.ScheduleAbsolute(10, () =>
        {
            refused.Add(Assert.Catch(() => scheduler.AdvanceBy(5)));
            refused.Add(Assert.Catch(() => scheduler.AdvanceTo(50)));
            scheduler.Start();
        });
        scheduler.ScheduleAbsolute(20, () => refused.Add(null));

        scheduler.AdvanceTo(15);

        Assert.That(refused, Has.Count.EqualTo(2).And.All.InstanceOf<InvalidOperationException>(), "a nested Start does nothing");
    }

    [Test]
    public void Sleep_moves_the_clock_without_running_what_it_passes_which_then_runs_late()
    {
        var scheduler = new TestScheduler();
        var ran = new List<(long Due, long At)>();
        scheduler.ScheduleAbsolute(10, () => ran.Add((10, scheduler.Clock)));
        scheduler.ScheduleAbsolute(40, () => ran.Add((40, scheduler.Clock)));

        scheduler.Sleep(30);
        Assert.That(scheduler.Clock, Is.EqualTo(30));
        scheduler.AdvanceBy(0);
        Assert.That(ran, Is.Empty, "an advance by nothing runs nothing");

        scheduler.AdvanceBy(1);
        Assert.That(ran, Is.EqualTo([(10L, 30L)]));

        scheduler.Start();
        Assert.That(ran, Is.EqualTo([(10L, 30L), (40L, 40L)]));
    }

    [Test]
    public void Work_that_sleeps_makes_the_next_one_late()
    {
        var scheduler = new TestScheduler();
        var ran = new List<long>();
        scheduler.ScheduleAbsolute(10, () => scheduler.Sleep(25));
        scheduler.ScheduleAbsolute(20, () => ran.Add(scheduler.Clock));

        scheduler.Start();

        Assert.That(ran, Is.EqualTo([35L]));
    }

    [Test]
    public void Stop_ends_the_run_after_the_work_that_called_it_and_Start_goes_on()
    {
        var scheduler = new TestScheduler();
        var ran = new List<long>();
        scheduler.ScheduleAbsolute(10, scheduler.Stop);
        scheduler.ScheduleAbsolute(20, () => ran.Add(scheduler.Clock));

        scheduler.Start();
        Assert.That(ran, Is.Empty);
        Assert.That(scheduler.Clock, Is.EqualTo(10));
        Assert.That(scheduler.IsEnabled, Is.False);

        scheduler.Start();
        Assert.That(ran, Is.EqualTo([20L]));
    }

    [Test]
    public void An_exception_of_the_work_reaches_the_test_and_the_scheduler_needs_a_Stop_to_go_on()
    {
        var scheduler = new TestScheduler();
        var ran = new List<long>();
        scheduler.ScheduleAbsolute(10, () => throw error);
        scheduler.ScheduleAbsolute(20, () => ran.Add(scheduler.Clock));

        Assert.That(() => scheduler.AdvanceTo(15), Throws.Exception.SameAs(error));
        Assert.That(scheduler.Clock, Is.EqualTo(10));
        Assert.That(() => scheduler.AdvanceTo(30), Throws.InvalidOperationException, "it still believes that it runs");

        scheduler.Stop();
        scheduler.AdvanceTo(30);
        Assert.That(ran, Is.EqualTo([20L]));
    }

    [Test]
    public void A_stopwatch_of_the_scheduler_measures_virtual_time()
    {
        var scheduler = new TestScheduler();
        scheduler.AdvanceTo(100);
        var stopwatch = scheduler.StartStopwatch();
        var viaInterface = Scheduler.StartStopwatch(scheduler);
        var seen = TimeSpan.Zero;
        scheduler.ScheduleRelative(7, () => seen = stopwatch.Elapsed);

        Assert.That(stopwatch.Elapsed, Is.EqualTo(TimeSpan.Zero));
        scheduler.AdvanceBy(10);
        scheduler.Sleep(5);

        Assert.That(seen, Is.EqualTo(TimeSpan.FromTicks(7)));
        Assert.That(stopwatch.Elapsed, Is.EqualTo(TimeSpan.FromTicks(15)));
        Assert.That(viaInterface.Elapsed, Is.EqualTo(TimeSpan.FromTicks(15)));
    }

    [Test]
    public void Operators_with_time_run_on_the_virtual_clock()
    {
        var scheduler = new TestScheduler();

        var results = scheduler.Start(() => Observable.Interval(TimeSpan.FromTicks(100), scheduler).Take(2)
            .Concat(Observable.Return(9L, scheduler))
            .Concat(Observable.Never<long>())
            .Timeout(TimeSpan.FromTicks(200), Observable.Return(-1L, scheduler), scheduler));

        results.Messages.AssertEqual(OnNext(300, 0L), OnNext(400, 1L), OnNext(401, 9L), OnNext(602, -1L), OnCompleted<long>(602));
    }

    [Test]
    public void Start_creates_at_100_subscribes_at_200_and_disposes_at_1000()
    {
        var scheduler = new TestScheduler();
        var life = new List<(string Step, long At)>();

        var results = scheduler.Start(() =>
        {
            life.Add(("created", scheduler.Clock));
            return Observable.Create<int>(observer =>
            {
                life.Add(("subscribed", scheduler.Clock));
                observer.OnNext(1);
                return Disposable.Create(() => life.Add(("disposed", scheduler.Clock)));
            });
        });

        Assert.That(life, Is.EqualTo([("created", Created), ("subscribed", Subscribed), ("disposed", Disposed)]));
        Assert.That((Created, Subscribed, Disposed), Is.EqualTo((100L, 200L, 1000L)));
        results.Messages.AssertEqual(OnNext(200, 1));
        Assert.That(scheduler.Clock, Is.EqualTo(1000));
    }

    [Test]
    public void Start_sees_of_a_hot_sequence_what_comes_after_200_and_still_what_comes_at_1000()
    {
        var scheduler = new TestScheduler();
        var source = scheduler.CreateHotObservable(
            OnNext(100, 1), OnNext(200, 2), OnNext(201, 3), OnNext(1000, 4), OnNext(1001, 5), OnCompleted<int>(1100));

        var results = scheduler.Start(() => source);

        results.Messages.AssertEqual(OnNext(201, 3), OnNext(1000, 4));
        source.Subscriptions.AssertEqual(Subscribe(200, 1000));
        Assert.That(scheduler.Clock, Is.EqualTo(1100), "Start runs all work, also what comes after the disposal");
    }

    [Test]
    public void Start_takes_other_times()
    {
        var scheduler = new TestScheduler();
        var cold = scheduler.CreateColdObservable(OnNext(10, 1), OnNext(20, 2), OnNext(30, 3));

        scheduler.Start(() => cold, 220).Messages.AssertEqual(OnNext(210, 1));
        scheduler.Start(() => cold, 300, 400, 425).Messages.AssertEqual(OnNext(410, 1), OnNext(420, 2));

        cold.Subscriptions.AssertEqual(Subscribe(200, 220), Subscribe(400, 425));
    }

    [Test]
    public void Start_after_its_times_creates_subscribes_and_disposes_in_the_next_tick()
    {
        var scheduler = new TestScheduler();
        scheduler.AdvanceTo(5000);
        var source = scheduler.CreateHotObservable(OnNext(5001, 1), OnNext(5002, 2));

        var results = scheduler.Start(() => source);

        results.Messages.AssertEqual();
        source.Subscriptions.AssertEqual(Subscribe(5001, 5001));
    }

    [Test]
    public void Start_refuses_a_missing_factory_and_times_out_of_order()
    {
        var scheduler = new TestScheduler();
        var never = Observable.Never<int>();

        Assert.That(() => scheduler.Start<int>(null!), Throws.ArgumentNullException);
        Assert.That(() => scheduler.Start(() => never, 199), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => scheduler.Start(() => never, 300, 200, 400), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => scheduler.Start(() => never, 100, 300, 200), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }
}
