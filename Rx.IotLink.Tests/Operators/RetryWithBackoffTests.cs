using System.Diagnostics;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using Microsoft.Reactive.Testing;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Operators;

internal sealed class RetryWithBackoffTests : ReactiveTest
{
    private static readonly BackOff Steady = new() { Initial = TimeSpan.FromMilliseconds(1), Factor = 2, Cap = TimeSpan.FromMilliseconds(4), Jitter = 0 };
    private static readonly long Millisecond = TimeSpan.FromMilliseconds(1).Ticks;
    private readonly IOException broken = new("broken");

    [Test]
    public void Each_delay_in_a_row_is_longer_up_to_the_cap()
    {
        var scheduler = new TestScheduler();
        var source = scheduler.CreateColdObservable(OnError<int>(10, broken));

        var seen = scheduler.Start(() => source.RetryWithBackoff(Steady, scheduler: scheduler), disposed: 200 + (12 * Millisecond));

        // 1, 2, 4 and again 4 ms after each failure.
        source.Subscriptions.AssertEqual(
            Subscribe(200, 210),
            Subscribe(210 + Millisecond, 220 + Millisecond),
            Subscribe(220 + (3 * Millisecond), 230 + (3 * Millisecond)),
            Subscribe(230 + (7 * Millisecond), 240 + (7 * Millisecond)),
            Subscribe(240 + (11 * Millisecond), 250 + (11 * Millisecond)));
        Assert.That(seen.Messages, Is.Empty);
    }

    [Test]
    public void The_jitter_comes_from_the_given_random_numbers_alone()
    {
        var backOff = new BackOff { Jitter = 1 };
        var numbers = new Random(7);
        var expected = new List<long> { 200 };
        for (var failure = 0; failure < 20; failure++)
            expected.Add(expected[^1] + 10 + backOff.Delay(failure, numbers.NextDouble()).Ticks);

        for (var run = 0; run < 2; run++)
        {
            var scheduler = new TestScheduler();
            var source = scheduler.CreateColdObservable(OnError<int>(10, broken));

            var seen = scheduler.Start(
                () => source.RetryWithBackoff(backOff, maxAttempts: 20, random: new Random(7), scheduler: scheduler), disposed: TimeSpan.FromDays(1).Ticks);

            Assert.That(source.Subscriptions.Select(s => s.Subscribe), Is.EqualTo(expected));
            seen.Messages.AssertEqual(OnError<int>(expected[^1] + 10, broken));
        }
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(3)]
    public void The_last_error_comes_through_when_the_repetitions_are_used_up(int maxAttempts)
    {
        var scheduler = new TestScheduler();
        var errors = new List<Exception>();
        var source = Observable.Defer(() =>
        {
            errors.Add(new IOException($"broken {errors.Count}"));
            return Observable.Throw<int>(errors[^1]);
        });

        var seen = scheduler.Start(() => source.RetryWithBackoff(Steady, maxAttempts, scheduler: scheduler), disposed: TimeSpan.FromDays(1).Ticks);

        Assert.That(errors, Has.Count.EqualTo(1 + maxAttempts));
        Assert.That(seen.Messages.Single().Value.Exception, Is.SameAs(errors[^1]));
    }

    [Test]
    public void A_value_starts_count_and_delays_afresh()
    {
        var scheduler = new TestScheduler();
        var source = scheduler.CreateColdObservable(OnNext(5, 1), OnError<int>(10, broken));

        var seen = scheduler.Start(() => source.RetryWithBackoff(Steady, maxAttempts: 1, scheduler: scheduler), disposed: 200 + (3 * Millisecond));

        source.Subscriptions.AssertEqual(
            Subscribe(200, 210), Subscribe(210 + Millisecond, 220 + Millisecond), Subscribe(220 + (2 * Millisecond), 230 + (2 * Millisecond)));
        seen.Messages.AssertEqual(OnNext(205, 1), OnNext(215 + Millisecond, 1), OnNext(225 + (2 * Millisecond), 1));
    }

    [Test]
    public void A_value_changes_nothing_if_it_is_not_to()
    {
        var scheduler = new TestScheduler();
        var source = scheduler.CreateColdObservable(OnNext(5, 1), OnError<int>(10, broken));

        var seen = scheduler.Start(
            () => source.RetryWithBackoff(Steady, maxAttempts: 2, resetOnValue: false, scheduler: scheduler), disposed: TimeSpan.FromDays(1).Ticks);

        source.Subscriptions.AssertEqual(
            Subscribe(200, 210), Subscribe(210 + Millisecond, 220 + Millisecond), Subscribe(220 + (3 * Millisecond), 230 + (3 * Millisecond)));
        seen.Messages.AssertEqual(
            OnNext(205, 1), OnNext(215 + Millisecond, 1), OnNext(225 + (3 * Millisecond), 1), OnError<int>(230 + (3 * Millisecond), broken));
    }

    [Test]
    public void An_error_that_is_not_worth_it_comes_through_at_once()
    {
        var scheduler = new TestScheduler();
        var source = scheduler.CreateColdObservable(OnError<int>(10, broken));

        var seen = scheduler.Start(() => source.RetryWithBackoff(Steady, retryOn: error => error is not IOException, scheduler: scheduler));

        seen.Messages.AssertEqual(OnError<int>(210, broken));
        source.Subscriptions.AssertEqual(Subscribe(200, 210));
    }

    [Test]
    public void What_the_judge_of_errors_throws_comes_through()
    {
        var scheduler = new TestScheduler();
        var judge = new InvalidOperationException("no judgement");
        var source = scheduler.CreateColdObservable(OnError<int>(10, broken));

        var seen = scheduler.Start(() => source.RetryWithBackoff(Steady, retryOn: _ => throw judge, scheduler: scheduler));

        seen.Messages.AssertEqual(OnError<int>(210, judge));
    }

    [Test]
    public void Completion_comes_through_and_ends_it()
    {
        var scheduler = new TestScheduler();
        var source = scheduler.CreateColdObservable(OnNext(5, 1), OnCompleted<int>(10));

        var seen = scheduler.Start(() => source.RetryWithBackoff(Steady, scheduler: scheduler));

        seen.Messages.AssertEqual(OnNext(205, 1), OnCompleted<int>(210));
        source.Subscriptions.AssertEqual(Subscribe(200, 210));
    }

    [Test]
    public void Unsubscribing_ends_a_delay()
    {
        var scheduler = new TestScheduler();
        var source = scheduler.CreateColdObservable(OnError<int>(10, broken));

        scheduler.Start(() => source.RetryWithBackoff(Steady, scheduler: scheduler), disposed: 210 + (Millisecond / 2));
        scheduler.AdvanceBy(TimeSpan.FromDays(1).Ticks);

        source.Subscriptions.AssertEqual(Subscribe(200, 210));
    }

    [Test]
    public void Two_subscriptions_count_for_themselves()
    {
        var scheduler = new TestScheduler();
        var source = scheduler.CreateColdObservable(OnError<int>(10, broken));
        var twice = source.RetryWithBackoff(Steady, maxAttempts: 1, scheduler: scheduler);

        scheduler.Start(() => twice.Materialize().Concat(twice.Materialize()), disposed: TimeSpan.FromDays(1).Ticks);

        Assert.That(source.Subscriptions, Has.Count.EqualTo(4));
    }

    [Test]
    public void A_hundred_thousand_repetitions_do_not_grow_the_stack()
    {
        const int Repetitions = 100_000;
        var scheduler = new TestScheduler();
        var attempts = 0;
        var depths = new List<int>();
        var source = Observable.Create<int>(observer =>
        {
            if (attempts++ is 10 or Repetitions)
                depths.Add(new StackTrace().FrameCount);
            observer.OnError(broken);
            return Disposable.Empty;
        });

        var seen = scheduler.Start(() => source.RetryWithBackoff(Steady, Repetitions, scheduler: scheduler), disposed: TimeSpan.FromDays(1).Ticks);

        Assert.That(attempts, Is.EqualTo(1 + Repetitions));
        Assert.That(depths, Has.Count.EqualTo(2));
        // Not equal: the just-in-time compiler inlines some frames meanwhile.
        Assert.That(depths[1], Is.LessThan(depths[0] + 20));
        Assert.That(seen.Messages.Single().Value.Exception, Is.SameAs(broken));
    }

    [Test]
    public void Arguments_out_of_range_are_refused_at_the_call()
    {
        using var source = new Subject<int>();

        Assert.That(() => source.RetryWithBackoff(maxAttempts: -1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => source.RetryWithBackoff(new BackOff { Initial = TimeSpan.Zero }), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }
}
