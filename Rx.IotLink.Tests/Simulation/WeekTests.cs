using NUnit.Framework;
using Rx.IotLink.Testing;
using Soak;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>One long life with many outages.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class WeekTests
{
    [Test]
    public void A_week_with_a_thousand_outages_loses_repeats_and_disorders_nothing([Values(1, 2)] int protocol)
    {
        var setting = Setting.Of(1, protocol, TimeSpan.FromDays(7)) with
        {
            Devices = ["pump-1"], MeanBetweenFaults = TimeSpan.FromMinutes(4), MeanBetweenWrites = TimeSpan.FromSeconds(40), Burst = 3, InboxLines = 256,
            Path = new PathConditions { Latency = 20.ms(), Jitter = 60.ms(), SliceBytes = 12 },
        };

        var week = Trial.Run(setting, setting.Faults());

        TestContext.Out.WriteLine($"{week.Outages} outages, {week.Crashes} crashes, {week.Lines}");
        Assert.Multiple(() =>
        {
            Assert.That(week.IsFlawless, week.Complaint);
            Assert.That(week.Outages, Is.GreaterThanOrEqualTo(1_000));
            Assert.That(week.Lines.Written, Is.GreaterThan(20_000));
        });
    }
}
