using System.Diagnostics;
using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Operators;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class QuietForTests : ReactiveTest
{
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(3);
    private static readonly long Ms = TimeSpan.FromMilliseconds(1).Ticks;
    private readonly TestScheduler clock = new();

    [Test]
    public void A_silence_gives_one_value_and_the_next_value_starts_the_watch_again()
    {
        var source = clock.CreateHotObservable(OnNext(2 * Ms, 'a'), OnNext(4 * Ms, 'b'), OnNext(20 * Ms, 'c'), OnNext(30 * Ms, 'd'));

        var seen = Watch(source, until: 40 * Ms);

        Assert.That(seen, Is.EqualTo([OnNext(7 * Ms, Unit.Default), OnNext(23 * Ms, Unit.Default), OnNext(33 * Ms, Unit.Default)]));
        Assert.That(source.Subscriptions, Is.EqualTo([Subscribe(0, 40 * Ms)]));
    }

    [Test]
    public void A_source_that_never_speaks_is_quiet_from_the_subscription()
    {
        var source = clock.CreateHotObservable<char>();
        clock.AdvanceTo(10 * Ms);

        Assert.That(Watch(source, until: 40 * Ms), Is.EqualTo([OnNext(13 * Ms, Unit.Default)]));
        Assert.That(source.Subscriptions, Is.EqualTo([Subscribe(10 * Ms, 40 * Ms)]));
    }

    [Test]
    public void A_value_at_the_very_tick_is_in_time()
    {
        var source = clock.CreateHotObservable(OnNext(3 * Ms, 'a'), OnNext((6 * Ms) + 1, 'b'));

        Assert.That(Watch(source, until: 8 * Ms), Is.EqualTo([OnNext(6 * Ms, Unit.Default)]));
    }

    [Test]
    public void The_end_of_the_source_is_the_end_though_a_silence_has_begun()
    {
        var source = clock.CreateHotObservable(OnNext(1 * Ms, 'a'), OnCompleted<char>(2 * Ms));

        Assert.That(Watch(source, until: 40 * Ms), Is.EqualTo([OnCompleted<Unit>(2 * Ms)]));
        Assert.That(source.Subscriptions, Is.EqualTo([Subscribe(0, 2 * Ms)]));
    }

    [Test]
    public void An_error_of_the_source_comes_through()
    {
        var broken = new IOException("broken");
        var source = clock.CreateHotObservable(OnNext(1 * Ms, 'a'), OnError<char>(9 * Ms, broken));

        Assert.That(Watch(source, until: 40 * Ms), Is.EqualTo([OnNext(4 * Ms, Unit.Default), OnError<Unit>(9 * Ms, broken)]));
        Assert.That(source.Subscriptions, Is.EqualTo([Subscribe(0, 9 * Ms)]));
    }

    [Test]
    public void Each_subscription_has_a_watch_of_its_own()
    {
        var source = clock.CreateColdObservable(OnNext(1 * Ms, 'a'));
        var quiet = source.QuietFor(Limit, clock);
        var (first, second) = (clock.CreateObserver<Unit>(), clock.CreateObserver<Unit>());
        using var one = quiet.Subscribe(first);
        clock.AdvanceTo(2 * Ms);
        using var other = quiet.Subscribe(second);
        clock.AdvanceTo(20 * Ms);

        Assert.That(first.Messages, Is.EqualTo([OnNext(4 * Ms, Unit.Default)]));
        Assert.That(second.Messages, Is.EqualTo([OnNext(6 * Ms, Unit.Default)]));
        Assert.That(source.Subscriptions, Is.EqualTo([Subscribe(0), Subscribe(2 * Ms)]));
    }

    [Test]
    public void Nothing_waits_on_the_clock_when_nobody_watches_any_more()
    {
        var counted = new HistoricalScheduler();
        using var source = new Subject<int>();
        source.QuietFor(Limit, counted).Subscribe(_ => Assert.Fail("nobody watches")).Dispose();
        counted.Start();

        Assert.That(source.HasObservers, Is.False);
        Assert.That(counted.Clock, Is.EqualTo(DateTimeOffset.MinValue), "it had nothing to wait for");
    }

    [Test]
    public void A_source_that_cannot_be_subscribed_fails_the_watch()
    {
        var broken = new IOException("broken");
        Exception? seen = null;
        using var subscription = new Unsubscribable(broken).QuietFor(Limit, clock).Subscribe(_ => { }, error => seen = error);

        Assert.That(seen, Is.SameAs(broken));
    }

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(366L * 24 * 60 * 60 * 1_000)]
    public void A_duration_out_of_its_range_is_refused(long milliseconds)
    {
        var duration = TimeSpan.FromMilliseconds(milliseconds);
        Assert.That(() => Observable.Never<int>().QuietFor(duration), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("duration must be"));
        Assert.That(() => Observable.Never<int>().TimeoutOn(duration), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("limit must be"));
    }

    [Test]
    public void Nobody_watches_nothing()
    {
        Assert.That(() => ((IObservable<int>)null!).QuietFor(Limit), Throws.ArgumentNullException);
        Assert.That(() => ((IObservable<int>)null!).TimeoutOn(Limit), Throws.ArgumentNullException);
    }

    [Test]
    public void A_value_allocates_nothing_on_any_clock([Values] bool isShared)
    {
        using var source = new Subject<int>();
        IScheduler scheduler = isShared ? DefaultScheduler.Instance : clock;
        using var quiet = source.QuietFor(TimeSpan.FromHours(1), scheduler).Subscribe();
        using var limited = source.TimeoutOn(TimeSpan.FromHours(1), scheduler).Subscribe();
        Speak();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Speak();

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Speak()
        {
            for (var i = 0; i < 1_000; i++)
                source.OnNext(i);
        }
    }

    /// <summary>
    /// On the real clock, with values at about the moment of the ring: after each silence there is another.
    /// </summary>
    [Test]
    public async Task On_the_default_scheduler_no_silence_is_missed_however_close_the_values_come()
    {
        var limit = TimeSpan.FromMilliseconds(1);
        using var source = new Subject<int>();
        using var rang = new SemaphoreSlim(0);
        var (inside, overlaps, last) = (0, 0, 0L);
        using var subscription = source.QuietFor(limit).Subscribe(_ =>
        {
            overlaps += Interlocked.Increment(ref inside) - 1;
            Volatile.Write(ref last, Stopwatch.GetTimestamp());
            rang.Release();
            Interlocked.Decrement(ref inside);
        });
        var random = new Random(1);
        for (var i = 0; i < 300; i++)
        {
            source.OnNext(i);
            Thread.SpinWait(random.Next(200_000));
            var spoken = Stopwatch.GetTimestamp();
            source.OnNext(i);
            // A ring for the silence before may still be on its way: this one's comes after the limit.
            while (Stopwatch.GetElapsedTime(spoken, Volatile.Read(ref last)) < limit)
                await rang.WaitAsync().Within($"silence {i}");
        }

        Assert.That(overlaps, Is.Zero, "one at a time");
    }

    private List<Recorded<Notification<Unit>>> Watch<T>(IObservable<T> source, long until)
    {
        var observer = clock.CreateObserver<Unit>();
        using (source.QuietFor(Limit, clock).Subscribe(observer))
            clock.AdvanceTo(until);
        clock.AdvanceBy(100 * Ms);
        return [.. observer.Messages];
    }

    private sealed class Unsubscribable(Exception exception) : IObservable<int>
    {
        public IDisposable Subscribe(IObserver<int> observer) => throw exception;
    }
}
