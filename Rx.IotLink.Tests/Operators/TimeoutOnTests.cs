using System.Reactive;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Operators;

/// <summary>What it says is compared with Rx's Timeout in LivenessIsRxTests; here is the rest.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class TimeoutOnTests : ReactiveTest
{
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(3);
    private static readonly long Ms = TimeSpan.FromMilliseconds(1).Ticks;
    private readonly TestScheduler clock = new();

    [Test]
    public void It_fails_after_a_silence_which_the_message_names_and_leaves_the_source()
    {
        var source = clock.CreateHotObservable(OnNext(2 * Ms, 'a'), OnNext(20 * Ms, 'b'));

        var seen = Watch(source);

        Assert.That(seen, Is.EqualTo([OnNext(2 * Ms, 'a'), OnError<char>(5 * Ms, e => e is TimeoutException { Message: "Nothing came for 00:00:00.0030000." })]));
        Assert.That(source.Subscriptions, Is.EqualTo([Subscribe(0, 5 * Ms)]));
    }

    [Test]
    public void A_source_that_ends_in_time_is_as_it_is()
    {
        var source = clock.CreateHotObservable(OnNext(2 * Ms, 'a'), OnNext(5 * Ms, 'b'), OnCompleted<char>(7 * Ms));

        Assert.That(Watch(source), Is.EqualTo([OnNext(2 * Ms, 'a'), OnNext(5 * Ms, 'b'), OnCompleted<char>(7 * Ms)]));
        Assert.That(source.Subscriptions, Is.EqualTo([Subscribe(0, 7 * Ms)]));
    }

    [Test]
    public void An_error_of_the_source_comes_through()
    {
        var broken = new IOException("broken");
        var source = clock.CreateHotObservable(OnError<char>(1 * Ms, broken));

        Assert.That(Watch(source), Is.EqualTo([OnError<char>(1 * Ms, broken)]));
    }

    /// <summary>Else who tries again holds two subscriptions for a moment.</summary>
    [Test]
    public void The_source_is_left_before_the_observer_knows()
    {
        using var source = new Subject<int>();
        bool? held = null;
        using var subscription = source.TimeoutOn(Limit, clock).Subscribe(_ => { }, _ => held = source.HasObservers);
        clock.AdvanceBy(5 * Ms);

        Assert.That(held, Is.False);
    }

    [Test]
    public void The_time_that_the_observer_takes_does_not_count()
    {
        using var source = new Subject<int>();
        var failedAt = 0L;
        using var subscription = source.TimeoutOn(Limit, clock).Subscribe(_ => clock.Sleep(10 * Ms), _ => failedAt = clock.Clock);
        clock.AdvanceTo(1 * Ms);
        source.OnNext(1);
        clock.AdvanceTo(40 * Ms);

        Assert.That(failedAt, Is.EqualTo(14 * Ms));
    }

    [Test]
    public void An_observer_that_makes_the_source_speak_hears_it()
    {
        using var source = new Subject<int>();
        var seen = new List<int>();
        var failedAt = 0L;
        using var subscription = source.TimeoutOn(Limit, clock).Subscribe(
            value =>
            {
                seen.Add(value);
                if (value < 3)
                    source.OnNext(value + 1);
            },
            _ => failedAt = clock.Clock);
        clock.AdvanceTo(1 * Ms);
        source.OnNext(1);
        clock.AdvanceTo(40 * Ms);

        Assert.That(seen, Is.EqualTo([1, 2, 3]));
        Assert.That(failedAt, Is.EqualTo(4 * Ms));
    }

    /// <summary>
    /// On the real clock the ring comes while an observer is busy: it must wait, and not be forgotten.
    /// </summary>
    [Test]
    public async Task On_the_default_scheduler_it_fails_after_a_busy_observer_and_never_beside_it()
    {
        using var source = new Subject<int>();
        using var leave = new ManualResetEventSlim();
        var failed = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var busy = false;
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // The value comes with the subscription: a thread of its own might come too late on a busy machine.
        var subscribing = Task.Run(() => source.StartWith(1).TimeoutOn(TimeSpan.FromMilliseconds(20)).Subscribe(
            _ =>
            {
                busy = true;
                entered.SetResult();
                leave.Wait(Bound.Limit);
                busy = false;
            },
            _ => failed.TrySetResult(busy)));
        await entered.Task.Within();
        // Another watch with a longer limit, begun later, says when the first one's ring has been carried out for
        // certain.
        await Observable.Never<Unit>().QuietFor(TimeSpan.FromMilliseconds(100)).FirstAsync(_ => true);

        Assert.That(failed.Task.IsCompleted, Is.False, "the observer is busy");
        leave.Set();
        using var subscription = await subscribing.Within();
        Assert.That(await failed.Task.Within(), Is.False, "beside a busy observer");
    }

    private List<Recorded<Notification<T>>> Watch<T>(IObservable<T> source)
    {
        var observer = clock.CreateObserver<T>();
        using (source.TimeoutOn(Limit, clock).Subscribe(observer))
            clock.AdvanceTo(40 * Ms);
        return [.. observer.Messages];
    }
}
