using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Time;

namespace Rx.IotLink.Tests.Rest;

/// <summary>
/// A ring is carried out on another thread than the one that found it due. What is heard in between is played here step
/// by step: no false silence may be reported, and the watch must always continue.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SilenceTests : IDisposable
{
    private readonly TestScheduler clock = new();
    private readonly Watch watch;

    public SilenceTests()
    {
        watch = new Watch(Deadlines.On(clock));
        clock.AdvanceTo(Watch.Ticks);
    }

    public void Dispose() => watch.Dispose();

    [Test]
    public void What_was_heard_before_the_ring_is_carried_out_makes_it_none()
    {
        watch.Rang(TimeSpan.FromTicks(clock.Clock));
        watch.WasHeardAt = clock.Clock;
        watch.Execute();

        Assert.That(watch.Silences, Is.Empty);
        clock.AdvanceBy(Watch.Ticks);
        Assert.That(watch.Silences, Is.EqualTo([2 * Watch.Ticks]), "it watches again");
    }

    [Test]
    public void So_does_a_watch_that_was_begun_again()
    {
        watch.Rang(TimeSpan.FromTicks(clock.Clock));
        watch.Hear(clock.Clock);
        watch.Execute();

        Assert.That(watch.Silences, Is.Empty);
        clock.AdvanceBy(Watch.Ticks);
        Assert.That(watch.Silences, Is.EqualTo([2 * Watch.Ticks]));
    }

    [Test]
    public void A_ring_that_is_carried_out_late_is_reported_once_with_the_next()
    {
        watch.Rang(TimeSpan.FromTicks(clock.Clock));
        watch.Hear(clock.Clock);
        clock.AdvanceBy(Watch.Ticks);
        watch.Execute();

        Assert.That(watch.Silences, Is.EqualTo([2 * Watch.Ticks]));
    }

    [Test]
    public void It_is_reported_once_and_watched_for_again_when_something_is_heard()
    {
        watch.Rang(TimeSpan.FromTicks(clock.Clock));
        watch.Execute();
        watch.Execute();
        Assert.That(watch.Silences, Is.EqualTo([Watch.Ticks]));

        clock.AdvanceBy(10 * Watch.Ticks);
        Assert.That(watch.Silences, Has.Count.EqualTo(1), "nothing was heard");
        watch.Hear(clock.Clock);
        clock.AdvanceBy(10 * Watch.Ticks);
        Assert.That(watch.Silences, Is.EqualTo([Watch.Ticks, 12 * Watch.Ticks]));
    }

    private sealed class Watch(Deadlines queue) : Silence(queue, TimeSpan.FromTicks(Ticks))
    {
        public const long Ticks = 100;

        public List<long> Silences { get; } = [];

        public long WasHeardAt { get; set; }

        protected override TimeSpan HeardAt => TimeSpan.FromTicks(WasHeardAt);

        public void Hear(long at)
        {
            WasHeardAt = at;
            WatchAgain();
        }

        protected override void FallSilent() => Silences.Add(Queue.Now.Ticks);
    }
}
