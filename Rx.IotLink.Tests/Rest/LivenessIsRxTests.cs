using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Time;

namespace Rx.IotLink.Tests.Rest;

/// <summary>
/// The specification of liveness. A link finds an outage as <c>heard.Timeout(T)</c> does, and sends its keepalives as
/// <c>Interval(T/4)</c> does. The queue of deadlines is another implementation of these operators, with less memory:
/// here both run side by side on random scripts, and every ring must come at the same tick.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class LivenessIsRxTests
{
    private const int Scripts = 20_000;

    private static readonly long Ms = TimeSpan.FromMilliseconds(1).Ticks;

    [Test]
    public void The_silence_of_a_link_rings_as_Timeout_does() => Compare(
        (script, clock) => Observable.Create<Unit>(ring => Watch(new SilenceAfter(Deadlines.On(clock), script, ring))),
        (script, clock) => script.Heard.Timeout(script.Timeout, clock).IgnoreElements()
            .Catch((TimeoutException _) => Observable.Return(Unit.Default).Concat(Observable.Never<Unit>())));

    [Test]
    public void Keepalives_that_come_always_ring_as_Interval_does() => Compare(
        (script, clock) => Observable.Create<Unit>(ring => Watch(new KeepalivesAfter(Deadlines.On(clock), script, always: true, ring))),
        (script, clock) => Observable.Interval(script.Interval, clock).Select(_ => Unit.Default));

    [Test]
    public void Keepalives_ring_as_an_Interval_does_that_starts_again_with_each_thing_said() => Compare(
        (script, clock) => Observable.Create<Unit>(ring => Watch(new KeepalivesAfter(Deadlines.On(clock), script, always: false, ring))),
        (script, clock) => script.Said.StartWith(Unit.Default)
            .Select(_ => Observable.Interval(script.Interval, clock)).Switch().Select(_ => Unit.Default));

    [Test]
    public void QuietFor_rings_as_a_Timer_does_that_starts_again_with_each_value() => Compare(
        (script, clock) => script.Heard.QuietFor(script.Timeout, clock),
        (script, clock) => script.Heard.StartWith(Unit.Default)
            .Select(_ => Observable.Timer(script.Timeout, clock)).Switch().Select(_ => Unit.Default));

    [Test]
    public void TimeoutOn_says_what_Timeout_says() => Compare(
        (script, clock) => script.Heard.TimeoutOn(script.Timeout, clock).Materialize().Select(Plain),
        (script, clock) => script.Heard.Timeout(script.Timeout, clock).Materialize().Select(Plain));

    /// <summary>Two exceptions are never equal; their kinds are.</summary>
    private static string Plain(Notification<Unit> said) =>
        said.Kind == NotificationKind.OnError ? said.Exception!.GetType().Name : $"{said.Kind}";

    /// <summary>Runs both forms on each script; what they say, and when, must be the same.</summary>
    private static void Compare<T>(
        Func<Script, TestScheduler, IObservable<T>> ours, Func<Script, TestScheduler, IObservable<T>> rx)
    {
        var rings = 0L;
        for (var seed = 1; seed <= Scripts; seed++)
        {
            var clock = new TestScheduler();
            var script = new Script(seed, clock);
            var (one, other) = (clock.CreateObserver<T>(), clock.CreateObserver<T>());
            using var first = ours(script, clock).Subscribe(one);
            using var second = rx(script, clock).Subscribe(other);
            clock.AdvanceTo(script.End);

            if (!one.Messages.SequenceEqual(other.Messages))
                Assert.Fail($"Script {seed}: ours said {string.Join(", ", one.Messages)}; Rx said {string.Join(", ", other.Messages)}.");
            rings += other.Messages.Count;
        }

        TestContext.Out.WriteLine($"{Scripts:N0} scripts, {rings:N0} messages: no difference");
        Assert.That(rings, Is.GreaterThan(Scripts / 2), "the scripts are not all noise without a silence");
    }

    private static Deadline Watch(Deadline deadline)
    {
        deadline.Set();
        return deadline;
    }

    /// <summary>
    /// What a link hears and says, at random times; many of them fall on the very tick of a deadline.
    /// </summary>
    private sealed class Script
    {
        public Script(int seed, TestScheduler clock)
        {
            var random = new Random(seed);
            Interval = TimeSpan.FromMilliseconds(random.Next(1, 6));
            // From scripts with little to scripts with much, so that both long silences and none at all occur.
            Heard = Times(random, clock);
            Said = Times(random, clock);
            Heard.Subscribe(_ => HeardAt = TimeSpan.FromTicks(clock.Clock));
            Said.Subscribe(_ => SaidAt = TimeSpan.FromTicks(clock.Clock));
        }

        public long End { get; } = 120 * Ms;

        public TimeSpan Timeout => 4 * Interval;

        public TimeSpan Interval { get; }

        public ITestableObservable<Unit> Heard { get; }

        public ITestableObservable<Unit> Said { get; }

        public TimeSpan HeardAt { get; private set; }

        public TimeSpan SaidAt { get; private set; }

        private static ITestableObservable<Unit> Times(Random random, TestScheduler clock)
        {
            var values = Enumerable.Range(0, random.Next(0, 40)).Select(_ => random.Next(1, 120)).Order();
            return clock.CreateHotObservable([.. values.Select(at => ReactiveTest.OnNext(at * Ms, Unit.Default))]);
        }
    }

    private sealed class SilenceAfter(Deadlines queue, Script script, IObserver<Unit> ring) : Silence(queue, script.Timeout)
    {
        protected override TimeSpan HeardAt => script.HeardAt;

        protected override void FallSilent() => ring.OnNext(Unit.Default);
    }

    private sealed class KeepalivesAfter(Deadlines queue, Script script, bool always, IObserver<Unit> ring)
        : Keepalives(queue, script.Interval)
    {
        protected override TimeSpan SaidAt => always ? TimeSpan.Zero : script.SaidAt;

        public override void Execute() => ring.OnNext(Unit.Default);
    }
}
