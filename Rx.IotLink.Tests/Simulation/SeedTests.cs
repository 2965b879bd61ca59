using NUnit.Framework;
using Rx.IotLink.Testing;
using Soak;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>
/// A thousand small fleets, each with faults and crashes of its own, for each protocol: the same lives as the soak's.
/// </summary>
[Parallelizable(ParallelScope.All)]
public sealed class SeedTests
{
    private const int Parts = 10;
    private const int SeedsInAPart = 100;

    [Test]
    public void No_promise_is_broken_in_a_thousand_lives([Values(1, 2)] int protocol, [Range(1, Parts)] int part)
    {
        var sum = new TrialResult();
        for (var seed = ((part - 1) * SeedsInAPart) + 1; seed <= part * SeedsInAPart; seed++)
        {
            var setting = Setting.Of(seed, protocol);
            var result = Trial.Run(setting, setting.Faults());
            Assert.That(result.IsFlawless, $"Seed {seed}: {result.Complaint}\nTo replay and shorten it: dotnet run -c Release --project bench/Soak -- --protocol {protocol} --seed {seed}");
            sum += result;
        }

        TestContext.Out.WriteLine($"{sum.LinkTime.TotalHours:0.0} link-hours, {sum.Outages} outages, {sum.Crashes} crashes, {sum.Lines.Written} lines");
        Assert.Multiple(() =>
        {
            Assert.That(sum.Outages, Is.GreaterThan(100), "there were outages");
            Assert.That(sum.Crashes, Is.GreaterThan(50), "and crashes");
            Assert.That(sum.Lines.Received, Is.GreaterThan(5_000), "and lines");
            Assert.That(sum.BestEffortReceived, Is.GreaterThan(500));
        });
    }

    [Test]
    public void One_seed_is_one_history_to_the_tick([Values(1, 2)] int protocol, [Values(3, 30, 300)] int seed)
    {
        var setting = Setting.Of(seed, protocol);
        var (first, second) = (Trial.Run(setting, setting.Faults()), Trial.Run(setting, setting.Faults()));

        Assert.That(second.Fingerprint, Is.EqualTo(first.Fingerprint));
    }

    [Test]
    public void Another_seed_is_another_history([Values(1, 2)] int protocol) =>
        Assert.That(Enumerable.Range(1, 20).Select(seed => Setting.Of(seed, protocol)).Select(s => Trial.Run(s, s.Faults()).Fingerprint), Is.Unique);

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
