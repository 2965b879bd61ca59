using System.Reactive.Concurrency;
using NUnit.Framework;
using Rx.IotLink.Testing.Simulation;

namespace Rx.IotLink.Tests.Testing;

/// <summary>A process's clock that is too fast or too slow.</summary>
public sealed class ProcessClockTests
{
    [TestCase(0)]
    [TestCase(50)]
    [TestCase(-50)]
    [TestCase(99_999)]
    [TestCase(-99_999)]
    public void It_drifts_by_exactly_so_many_parts_in_a_million_however_long(int parts)
    {
        var random = new Random(parts);
        var network = new HistoricalScheduler();
        var clock = new ProcessClock(network, parts);
        for (var i = 0; i < 1_000; i++)
        {
            // Up to some centuries: a tick is 100 ns.
            var ticks = random.NextInt64(1L << random.Next(1, 57));
            Assert.That(clock.Here(TimeSpan.FromTicks(ticks)).Ticks, Is.EqualTo((long)((Int128)ticks * (1_000_000 + parts) / 1_000_000)), $"{ticks} ticks");
        }
    }

    [TestCase(50)]
    [TestCase(-50)]
    [TestCase(7_001)]
    [TestCase(-99_999)]
    public void A_timer_rings_when_its_time_has_gone_by_there_and_not_a_tick_before(int parts)
    {
        var random = new Random(parts);
        for (var i = 0; i < 1_000; i++)
        {
            var network = new HistoricalScheduler();
            var clock = new ProcessClock(network, parts);
            var wait = TimeSpan.FromTicks(random.NextInt64(1, 1L << random.Next(1, 45)));
            var rang = false;
            clock.Schedule(wait, () =>
            {
                rang = true;
                Assert.That(clock.Now - DateTimeOffset.MinValue, Is.GreaterThanOrEqualTo(wait));
                Assert.That(clock.Here(network.Now - DateTimeOffset.MinValue - TimeSpan.FromTicks(1)), Is.LessThan(wait), "a tick before");
            });
            network.AdvanceBy(2 * wait + TimeSpan.FromTicks(10));
            Assert.That(rang, Is.True);
        }
    }
}
