using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;

namespace Rx.IotLink.Tests;

/// <summary>Observables, records and assertions.</summary>
public sealed partial class ReactiveTestingTests
{
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
