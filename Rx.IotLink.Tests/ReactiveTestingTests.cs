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
public sealed class ReactiveTestingTests : ReactiveTest
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

    [Test]
    public void A_hot_sequence_sends_at_absolute_times_to_those_subscribed_then()
    {
        var scheduler = new TestScheduler();
        var hot = scheduler.CreateHotObservable(OnNext(10, 1), OnNext(20, 2), OnNext(30, 3), OnCompleted<int>(40));
        var early = scheduler.CreateObserver<int>();
        var late = scheduler.CreateObserver<int>();

        var subscription = hot.Subscribe(early);
        scheduler.AdvanceTo(15);
        hot.Subscribe(late);
        scheduler.AdvanceTo(20);
        subscription.Dispose();
        scheduler.Start();

        early.Messages.AssertEqual(OnNext(10, 1), OnNext(20, 2));
        late.Messages.AssertEqual(OnNext(20, 2), OnNext(30, 3), OnCompleted<int>(40));
        hot.Subscriptions.AssertEqual(Subscribe(0, 20), Subscribe(15));
    }

    [Test]
    public void A_hot_sequence_that_is_created_late_sends_its_past_in_the_next_tick()
    {
        var scheduler = new TestScheduler();
        scheduler.AdvanceTo(100);
        var observer = scheduler.CreateObserver<int>();

        scheduler.CreateHotObservable(OnNext(10, 1), OnNext(20, 2), OnNext(110, 3)).Subscribe(observer);
        scheduler.Start();

        observer.Messages.AssertEqual(OnNext(101, 1), OnNext(101, 2), OnNext(110, 3));
    }

    [Test]
    public void Who_leaves_or_joins_a_hot_sequence_during_a_message_does_so_for_the_next_one()
    {
        var scheduler = new TestScheduler();
        var hot = scheduler.CreateHotObservable(OnNext(10, 1), OnNext(20, 2));
        var leaving = scheduler.CreateObserver<int>();
        var joining = scheduler.CreateObserver<int>();
        using var subscription = new SerialDisposable();

        hot.Take(1).Subscribe(_ =>
        {
            subscription.Dispose();
            hot.Subscribe(joining);
        });
        subscription.Disposable = hot.Subscribe(leaving);
        scheduler.Start();

        leaving.Messages.AssertEqual(OnNext(10, 1));
        joining.Messages.AssertEqual(OnNext(20, 2));
        hot.Subscriptions.AssertEqual(Subscribe(0, 10), Subscribe(0, 10), Subscribe(10));
    }

    [Test]
    public void A_cold_sequence_sends_all_to_each_subscriber_counted_from_its_subscription()
    {
        var scheduler = new TestScheduler();
        var cold = scheduler.CreateColdObservable(OnNext(0, 1), OnNext(10, 2), OnError<int>(20, error));
        var first = scheduler.CreateObserver<int>();
        var second = scheduler.CreateObserver<int>();

        scheduler.ScheduleAbsolute(100, () => cold.Subscribe(first));
        scheduler.ScheduleAbsolute(105, () => cold.Subscribe(second));
        scheduler.Start();

        first.Messages.AssertEqual(OnNext(101, 1), OnNext(110, 2), OnError<int>(120, error));
        second.Messages.AssertEqual(OnNext(106, 1), OnNext(115, 2), OnError<int>(125, error));
        cold.Subscriptions.AssertEqual(Subscribe(100), Subscribe(105));
    }

    [Test]
    public void A_cold_sequence_sends_nothing_after_the_disposal()
    {
        var scheduler = new TestScheduler();
        var cold = scheduler.CreateColdObservable(OnNext(10, 1), OnNext(20, 2));
        var observer = scheduler.CreateObserver<int>();

        var subscription = cold.Subscribe(observer);
        scheduler.AdvanceTo(10);
        subscription.Dispose();
        scheduler.Start();

        observer.Messages.AssertEqual(OnNext(10, 1));
        cold.Subscriptions.AssertEqual(Subscribe(0, 10));
    }

    [Test]
    public void A_subscription_ends_once_and_only_by_disposal()
    {
        var scheduler = new TestScheduler();
        var hot = scheduler.CreateHotObservable(OnCompleted<int>(10));
        var cold = scheduler.CreateColdObservable(OnCompleted<int>(10));
        var subscriptions = new[] { hot, cold }.Select(source => source.Subscribe(scheduler.CreateObserver<int>())).ToArray();

        scheduler.AdvanceTo(20);
        hot.Subscriptions.AssertEqual(new Subscription(0, Subscription.Infinite));
        cold.Subscriptions.AssertEqual(new Subscription(0));

        foreach (var subscription in subscriptions)
            subscription.Dispose();
        scheduler.AdvanceTo(30);
        foreach (var subscription in subscriptions)
            subscription.Dispose();

        hot.Subscriptions.AssertEqual(Subscribe(0, 20));
        cold.Subscriptions.AssertEqual(Subscribe(0, 20));
    }

    [Test]
    public void A_scripted_sequence_shows_its_script_and_refuses_to_have_none()
    {
        var scheduler = new TestScheduler();

        scheduler.CreateHotObservable(OnNext(10, 1)).Messages.AssertEqual(OnNext(10, 1));
        scheduler.CreateColdObservable(OnNext(10, 1)).Messages.AssertEqual(OnNext(10, 1));
        Assert.That(() => scheduler.CreateHotObservable<int>(null!), Throws.ArgumentNullException);
        Assert.That(() => scheduler.CreateColdObservable<int>(null!), Throws.ArgumentNullException);
        Assert.That(() => scheduler.CreateHotObservable<int>().Subscribe(null!), Throws.ArgumentNullException);
        Assert.That(() => scheduler.CreateColdObservable<int>().Subscribe(null!), Throws.ArgumentNullException);
    }

    [Test]
    public void A_scripted_sequence_and_an_observer_do_not_enforce_the_grammar_of_Rx()
    {
        var scheduler = new TestScheduler();
        var hot = scheduler.CreateHotObservable(OnCompleted<int>(10), OnNext(20, 1), OnError<int>(30, error));
        var observer = scheduler.CreateObserver<int>();

        hot.Subscribe(observer);
        scheduler.Start();

        observer.Messages.AssertEqual(OnCompleted<int>(10), OnNext(20, 1), OnError<int>(30, error));
    }

    [Test]
    public void An_observer_records_the_time_at_which_it_was_called()
    {
        var scheduler = new TestScheduler();
        var observer = scheduler.CreateObserver<string>();

        observer.OnNext("a");
        scheduler.AdvanceTo(10);
        observer.OnNext("b");
        scheduler.Sleep(5);
        observer.OnCompleted();

        Assert.That(observer.Messages.Select(message => message.Time), Is.EqualTo([0L, 10L, 15L]));
        Assert.That(observer.Messages.Take(2).Select(message => message.Value.Value), Is.EqualTo(["a", "b"]));
    }

    [Test]
    public void Recorded_values_are_equal_by_time_and_value_and_read_well()
    {
        var recorded = new Recorded<string>(10, "a");

        Assert.That((recorded.Time, recorded.Value), Is.EqualTo((10L, "a")));
        Assert.That(recorded == new Recorded<string>(10, "a"), Is.True);
        Assert.That(recorded.Equals((object)new Recorded<string>(10, "a")), Is.True);
        Assert.That(recorded.GetHashCode(), Is.EqualTo(new Recorded<string>(10, "a").GetHashCode()));
        Assert.That(recorded != new Recorded<string>(11, "a"), Is.True);
        Assert.That(recorded != new Recorded<string>(10, "b"), Is.True);
        Assert.That(recorded.ToString(), Is.EqualTo("a@10"));
        Assert.That(OnNext(10, 1).ToString(), Is.EqualTo("OnNext(1)@10"));
        Assert.That(OnCompleted<int>(10).ToString(), Is.EqualTo("OnCompleted()@10"));
        Assert.That(OnError<int>(10, error).ToString(), Is.EqualTo("OnError(System.InvalidOperationException)@10"));
    }

    [Test]
    public void Subscriptions_are_equal_by_both_times_and_read_well()
    {
        var subscription = Subscribe(200, 1000);

        Assert.That((subscription.Subscribe, subscription.Unsubscribe), Is.EqualTo((200L, 1000L)));
        Assert.That(subscription == new Subscription(200, 1000), Is.True);
        Assert.That(subscription.Equals((object)new Subscription(200, 1000)), Is.True);
        Assert.That(subscription.GetHashCode(), Is.EqualTo(new Subscription(200, 1000).GetHashCode()));
        Assert.That(subscription != Subscribe(200), Is.True);
        Assert.That(subscription != Subscribe(201, 1000), Is.True);
        Assert.That(Subscribe(200).Unsubscribe, Is.EqualTo(Subscription.Infinite).And.EqualTo(long.MaxValue));
        Assert.That(subscription.ToString(), Is.EqualTo("(200, 1000)"));
        Assert.That(Subscribe(200).ToString(), Is.EqualTo("(200, Infinite)"));
    }

    [Test]
    public void An_expectation_can_be_a_predicate()
    {
        var scheduler = new TestScheduler();
        var observer = scheduler.CreateObserver<int>();
        observer.OnNext(41);
        observer.OnError(error);

        observer.Messages.AssertEqual(OnNext<int>(0, value => value > 40), OnError<int>(0, e => e.Message == "broken"));
        observer.Messages.AssertEqual(OnNext(0, (int value) => value > 40), OnError(0, e => e.Message == "broken", witness: 0));

        Fails(() => observer.Messages.AssertEqual(OnNext<int>(0, value => value > 41), OnError<int>(0, _ => true)));
        Fails(() => observer.Messages.AssertEqual(OnNext<int>(0, _ => true), OnError<int>(0, _ => false)));
        Fails(() => observer.Messages.AssertEqual(OnNext<int>(1, _ => true), OnError<int>(0, _ => true)));
        Fails(() => observer.Messages.AssertEqual(OnError<int>(0, _ => true), OnNext<int>(0, _ => true)));
    }

    [Test]
    public void A_predicate_has_nothing_to_send()
    {
        var scheduler = new TestScheduler();
        scheduler.CreateHotObservable(OnNext<int>(10, _ => true)).Subscribe(scheduler.CreateObserver<int>());

        Assert.That(scheduler.Start, Throws.InstanceOf<NotSupportedException>());
    }

    [Test]
    public void A_witness_stands_for_a_type_without_a_name()
    {
        var witness = new { Id = 1 };

        Assert.That(OnCompleted(10, witness).ToString(), Is.EqualTo("OnCompleted()@10"));
        Assert.That(OnError(10, error, witness).Value.Exception, Is.SameAs(error));
    }

    [Test]
    public void The_factories_refuse_a_missing_exception_or_predicate()
    {
        Assert.That(() => OnNext(0, (Func<int, bool>)null!), Throws.ArgumentNullException);
        Assert.That(() => OnError<int>(0, (Exception)null!), Throws.ArgumentNullException);
        Assert.That(() => OnError(0, (Exception)null!, witness: 0), Throws.ArgumentNullException);
        Assert.That(() => OnError<int>(0, (Func<Exception, bool>)null!), Throws.ArgumentNullException);
        Assert.That(() => OnError(0, (Func<Exception, bool>)null!, witness: 0), Throws.ArgumentNullException);
    }

    [Test]
    public void Elements_are_compared_by_order_number_and_equality()
    {
        int[] expected = [1, 2];

        expected.ToList().AssertEqual(1, 2);
        expected.ToList().AssertEqual(expected.AsEnumerable());
        new[] { "A" }.AssertEqual(["a"], StringComparer.OrdinalIgnoreCase);
        ReactiveAssert.AreElementsEqual(expected, [1, 2]);
        ReactiveAssert.AreElementsEqual(["a"], ["A"], StringComparer.OrdinalIgnoreCase);
        ReactiveAssert.AreElementsEqual(expected, [1, 2], "unused");
        ReactiveAssert.AreElementsEqual(["a"], ["A"], StringComparer.OrdinalIgnoreCase, "unused");

        Fails(() => expected.ToList().AssertEqual(2, 1));
        Fails(() => expected.ToList().AssertEqual(1));
        Fails(() => expected.ToList().AssertEqual(1, 2, 3));
        Fails(() => new[] { "A" }.AssertEqual(["a"], StringComparer.Ordinal));
        Fails(() => ReactiveAssert.AreElementsEqual(expected, [1, 3]), "[1, 2]", "[1, 3]");
        Fails(() => ReactiveAssert.AreElementsEqual(expected, [1, 3], "the reason"), "the reason");
        Fails(() => ReactiveAssert.AreElementsEqual(["a"], ["A"], StringComparer.Ordinal, "the reason"), "the reason");
        Assert.That(() => ReactiveAssert.AreElementsEqual(null!, expected), Throws.ArgumentNullException);
        Assert.That(() => ReactiveAssert.AreElementsEqual(expected, null!), Throws.ArgumentNullException);
    }

    [Test]
    public void Observable_sequences_are_compared_with_their_ends()
    {
        var broken = Observable.Return(1).Concat(Observable.Throw<int>(error));
        var whole = Observable.Return(1);

        whole.AssertEqual(Observable.Return(1));
        broken.AssertEqual(Observable.Return(1).Concat(Observable.Throw<int>(error)));
        Observable.Return("A").AssertEqual(Observable.Return("a"), StringComparer.OrdinalIgnoreCase);
        ReactiveAssert.AreElementsEqual(whole, Observable.Return(1));
        ReactiveAssert.AreElementsEqual(whole, Observable.Return(1), "unused");
        ReactiveAssert.AreElementsEqual(Observable.Return("A"), Observable.Return("a"), StringComparer.OrdinalIgnoreCase);
        ReactiveAssert.AreElementsEqual(Observable.Return("A"), Observable.Return("a"), StringComparer.OrdinalIgnoreCase, "unused");

        Fails(() => whole.AssertEqual(Observable.Return(2)));
        Fails(() => whole.AssertEqual(broken));
        Fails(() => ReactiveAssert.AreElementsEqual(whole, broken, "the reason"), "the reason");
        Fails(() => Observable.Return("A").AssertEqual(Observable.Empty<string>(), StringComparer.OrdinalIgnoreCase));
        Assert.That(() => whole.AssertEqual(null!), Throws.ArgumentNullException);
        Assert.That(() => ReactiveAssert.AreElementsEqual(null!, whole), Throws.ArgumentNullException);
    }

    [Test]
    public void An_expected_exception_is_one_of_the_type_or_the_very_object()
    {
        ReactiveAssert.Throws<InvalidOperationException>(() => throw error);
        ReactiveAssert.Throws<Exception>(() => throw error);
        ReactiveAssert.Throws<Exception>(() => throw error, "unused");
        ReactiveAssert.Throws(error, () => throw error);
        ReactiveAssert.Throws(error, () => throw error, "unused");

        Fails(() => ReactiveAssert.Throws<ArgumentException>(() => throw error));
        Fails(() => ReactiveAssert.Throws<ArgumentException>(() => throw error, "the reason"), "the reason");
        Fails(() => ReactiveAssert.Throws<Exception>(() => { }));
        Fails(() => ReactiveAssert.Throws<Exception>(() => { }, "the reason"), "the reason");
        Fails(() => ReactiveAssert.Throws(error, () => throw new InvalidOperationException("broken")));
        Fails(() => ReactiveAssert.Throws(error, () => { }, "the reason"), "the reason");
        Assert.That(() => ReactiveAssert.Throws<Exception>(null!), Throws.ArgumentNullException);
    }

    // Failures are exceptions of the library's own: no test may name their type.
    private static void Fails(Action assertion, params string[] words)
    {
        var failure = Assert.Catch(() => assertion())!;
        Assert.That(failure.GetType().IsVisible, Is.False, failure.ToString());
        foreach (var word in words)
            Assert.That(failure.Message, Does.Contain(word));
    }
}
