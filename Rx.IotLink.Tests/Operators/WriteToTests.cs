using System.Diagnostics;
using System.Reactive;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using Microsoft.Reactive.Testing;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Operators;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class WriteToTests : ReactiveTest
{
    private readonly TestScheduler scheduler = new();
    private readonly ScriptedLink link = new();
    private readonly IOException broken = new("broken");

    [Test]
    public void A_line_is_taken_when_the_one_before_it_was_accepted()
    {
        var writes = AcceptedAfter(100);
        var source = scheduler.CreateHotObservable(OnNext(210, "a"), OnNext(220, "b"), OnNext(230, "c"), OnCompleted<string>(240));

        var seen = scheduler.Start(() => source.WriteTo(link));

        Assert.That(writes, Is.EqualTo(new[] { (210L, "a"), (310L, "b"), (410L, "c") }));
        seen.Messages.AssertEqual(OnNext(310, Unit.Default), OnNext(410, Unit.Default), OnNext(510, Unit.Default), OnCompleted<Unit>(510));
    }

    [Test]
    public void A_source_without_lines_completes_the_result_at_once()
    {
        var seen = scheduler.Start(() => scheduler.CreateHotObservable(OnCompleted<string>(240)).WriteTo(link));

        seen.Messages.AssertEqual(OnCompleted<Unit>(240));
    }

    [Test]
    public void A_line_beyond_the_buffer_fails_the_result_at_once()
    {
        var writes = AcceptedAfter(100);
        var source = scheduler.CreateHotObservable(
            OnNext(210, "on its way"), OnNext(220, "waiting 1"), OnNext(230, "waiting 2"), OnNext(240, "too many"), OnNext(250, "not heard"));

        var seen = scheduler.Start(() => source.WriteTo(link, bufferLines: 2));

        seen.Messages.AssertEqual(OnError<Unit>(240, error => error is OutboxFullException { Id: "scripted" }));
        source.Subscriptions.AssertEqual(Subscribe(200, 240));
        Assert.That(writes, Is.EqualTo(new[] { (210L, "on its way") }));
    }

    [TestCase(OverflowPolicy.DropOldest, new[] { "b", "c" }, new[] { "a", "d", "e" })]
    [TestCase(OverflowPolicy.DropNewest, new[] { "d", "e" }, new[] { "a", "b", "c" })]
    public void A_full_buffer_drops_as_its_policy_says_and_says_so(OverflowPolicy overflow, string[] lost, string[] kept)
    {
        var writes = AcceptedAfter(100);
        var dropped = new List<string>();
        var source = scheduler.CreateHotObservable(
            OnNext(210, "a"), OnNext(220, "b"), OnNext(230, "c"), OnNext(240, "d"), OnNext(250, "e"), OnCompleted<string>(260));

        var seen = scheduler.Start(() => source.WriteTo(link, bufferLines: 2, overflow, onDropped: dropped.Add));

        Assert.That(dropped, Is.EqualTo(lost));
        Assert.That(writes.Select(x => x.Line), Is.EqualTo(kept));
        Assert.That(seen.Messages.Select(m => m.Value.Kind), Is.EqualTo(
            new[] { NotificationKind.OnNext, NotificationKind.OnNext, NotificationKind.OnNext, NotificationKind.OnCompleted }));
    }

    [Test]
    public void What_onDropped_throws_ends_the_result()
    {
        AcceptedAfter(100);
        var source = scheduler.CreateHotObservable(OnNext(210, "a"), OnNext(220, "b"), OnNext(230, "c"));

        var seen = scheduler.Start(() => source.WriteTo(link, bufferLines: 1, OverflowPolicy.DropNewest, onDropped: _ => throw broken));

        seen.Messages.AssertEqual(OnError<Unit>(230, broken));
        source.Subscriptions.AssertEqual(Subscribe(200, 230));
    }

    [Test]
    public void An_error_of_the_source_comes_after_the_lines_before_it()
    {
        var writes = AcceptedAfter(100);
        var source = scheduler.CreateHotObservable(OnNext(210, "a"), OnNext(220, "b"), OnError<string>(230, broken));

        var seen = scheduler.Start(() => source.WriteTo(link));

        Assert.That(writes.Select(x => x.Line), Is.EqualTo(new[] { "a", "b" }));
        seen.Messages.AssertEqual(OnNext(310, Unit.Default), OnNext(410, Unit.Default), OnError<Unit>(410, broken));
    }

    [Test]
    public void An_error_of_the_link_ends_it_and_releases_the_source()
    {
        link.OnWrite = line => Observable.Timer(TimeSpan.FromTicks(50), scheduler)
            .Select(_ => line == "b" ? throw new LinkClosedException("scripted", "now") : Unit.Default);
        var source = scheduler.CreateHotObservable(OnNext(210, "a"), OnNext(220, "b"), OnNext(225, "c"));

        var seen = scheduler.Start(() => source.WriteTo(link));

        seen.Messages.AssertEqual(OnNext(260, Unit.Default), OnError<Unit>(310, error => error is LinkClosedException));
        source.Subscriptions.AssertEqual(Subscribe(200, 310));
        Assert.That(link.Written, Is.EqualTo(new[] { "a", "b" }));
    }

    [Test]
    public void A_refusal_at_the_call_ends_it_too()
    {
        using var pair = new LinkPair(scheduler);
        Exception? seen = null;
        using var source = new Subject<string>();
        using var subscription = source.WriteTo(pair.Device).Subscribe(_ => { }, error => seen = error);

        source.OnNext("two\nlines");

        Assert.That(seen, Is.InstanceOf<ArgumentException>());
        Assert.That(source.HasObservers, Is.False);
    }

    [Test]
    public void Unsubscribing_stops_the_source_and_takes_back_the_line()
    {
        var takenBack = 0;
        link.OnWrite = _ => Observable.Never<Unit>().Finally(() => takenBack++);
        var source = scheduler.CreateHotObservable(OnNext(210, "a"), OnNext(220, "b"));

        scheduler.Start(() => source.WriteTo(link), disposed: 300);

        source.Subscriptions.AssertEqual(Subscribe(200, 300));
        Assert.That(takenBack, Is.EqualTo(1));
        Assert.That(link.Written, Is.EqualTo(new[] { "a" }));
    }

    [Test]
    public void An_observer_that_throws_ends_its_own_subscription()
    {
        using var source = new Subject<string>();
        var ends = 0;
        using var subscription = source.WriteTo(link).Subscribe(_ => throw broken, _ => ends++, () => ends++);

        Assert.That(() => source.OnNext("a"), Throws.Exception.SameAs(broken));
        source.OnNext("b");

        Assert.That(source.HasObservers, Is.False);
        Assert.That(link.Written, Is.EqualTo(new[] { "a" }));
        Assert.That(ends, Is.Zero);
    }

    [Test]
    public void The_delivery_is_the_one_asked_for()
    {
        Observable.Return("a").WriteTo(link, delivery: Delivery.BestEffort).Wait();
        Observable.Return("b").WriteTo(link).Wait();

        Assert.That(link.Deliveries, Is.EqualTo(new[] { Delivery.BestEffort, Delivery.ExactlyOnce }));
    }

    [Test]
    public void A_link_that_accepts_at_once_does_not_grow_the_stack()
    {
        const int Lines = 100_000;
        var gate = new Subject<Unit>();
        var depths = new List<int>();
        link.OnWrite = line =>
        {
            if (line is "10" or "99999")
                depths.Add(new StackTrace().FrameCount);
            return line == "0" ? gate : Observable.Return(Unit.Default);
        };
        var accepted = 0;
        using var subscription = Observable.Range(0, Lines).Select(i => $"{i}").WriteTo(link, bufferLines: Lines).Subscribe(_ => accepted++);

        Assert.That(link.Written, Has.Count.EqualTo(1));
        gate.OnNext(Unit.Default);
        gate.OnCompleted();

        Assert.That(accepted, Is.EqualTo(Lines));
        Assert.That(depths[1], Is.LessThan(depths[0] + 20));
    }

    [Test]
    public async Task Acceptance_and_source_on_two_threads_lose_and_mix_nothing()
    {
        const int Lines = 20_000;
        link.OnWrite = _ => Observable.Start(() => Unit.Default);
        var inside = 0;
        var accepted = 0;

        await Observable.Range(0, Lines).Select(i => $"{i}").WriteTo(link, bufferLines: Lines)
            .Do(_ =>
            {
                Assert.That(Interlocked.Increment(ref inside), Is.EqualTo(1));
                accepted++;
                Interlocked.Decrement(ref inside);
            })
            .DefaultIfEmpty().Timeout(TimeSpan.FromMinutes(1));

        Assert.That(accepted, Is.EqualTo(Lines));
        Assert.That(link.Written, Is.EqualTo(Enumerable.Range(0, Lines).Select(i => $"{i}")));
    }

    [Test]
    public void Over_an_outage_every_line_arrives_once_and_in_order()
    {
        using var pair = new LinkPair(scheduler);
        var arrived = new List<string>();
        using var lines = pair.Server.Lines.Subscribe(arrived.Add);
        var completed = false;
        using var subscription = Observable.Interval(TimeSpan.FromSeconds(1), scheduler).Take(60).Select(i => $"{i}")
            .WriteTo(pair.Device).Subscribe(_ => { }, () => completed = true);

        pair.Advance(TimeSpan.FromSeconds(10.5));
        pair.GoDown();
        pair.Advance(TimeSpan.FromSeconds(30));
        Assert.That(arrived, Has.Count.EqualTo(10));
        pair.ComeUp();
        pair.Advance(TimeSpan.FromSeconds(30));

        Assert.That(arrived, Is.EqualTo(Enumerable.Range(0, 60).Select(i => $"{i}")));
        Assert.That(completed);
    }

    [Test]
    public void Arguments_out_of_range_are_refused_at_the_call()
    {
        using var source = new Subject<string>();

        Assert.That(() => source.WriteTo(link, bufferLines: 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => source.WriteTo(link, overflow: (OverflowPolicy)9), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => source.WriteTo(link, delivery: (Delivery)9), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    /// <summary>The link accepts each line after so many ticks; the writes, with their times.</summary>
    private List<(long At, string Line)> AcceptedAfter(long ticks)
    {
        var writes = new List<(long, string)>();
        link.OnWrite = line =>
        {
            writes.Add((scheduler.Clock, line));
            return Observable.Timer(TimeSpan.FromTicks(ticks), scheduler).Select(_ => Unit.Default);
        };
        return writes;
    }
}
