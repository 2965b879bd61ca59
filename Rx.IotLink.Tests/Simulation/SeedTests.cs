using System.Collections.Concurrent;
using NUnit.Framework;
using Soak;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>
/// A thousand small fleets, each with faults and crashes of its own, for each protocol: the same lives as the soak's.
/// </summary>
/// <remarks>
/// Alone, since some lives ask the garbage collector what is still held. Beside all other fixtures they saw links of
/// crashed processes, which were not there without them.
/// </remarks>
[NonParallelizable]
public sealed class SeedTests
{
    private const int Parts = 10;
    private const int SeedsInAPart = 100;

    [Test]
    public void No_promise_is_broken_in_a_thousand_lives([Values(1, 2)] int protocol, [Range(1, Parts)] int part)
    {
        var results = new ConcurrentDictionary<int, TrialResult>();
        Parallel.ForEach(
            Enumerable.Range(((part - 1) * SeedsInAPart) + 1, SeedsInAPart),
            new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount },
            seed => results[seed] = Live(seed, protocol));

        var sum = new TrialResult();
        foreach (var (seed, result) in results.OrderBy(r => r.Key))
        {
            Assert.That(result.IsFlawless, $"Seed {seed}: {result.Complaint}\nTo replay and shorten it: dotnet run -c Release --project bench/Soak -- --protocol {protocol} --seed {seed}");
            sum += result;
        }

        Assert.That(sum.Trials, Is.EqualTo(SeedsInAPart));
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
        var (first, second) = (Live(seed, protocol), Live(seed, protocol));

        Assert.That(second.Fingerprint, Is.EqualTo(first.Fingerprint));
    }

    [Test]
    public void Another_seed_is_another_history([Values(1, 2)] int protocol) =>
        Assert.That(Enumerable.Range(1, 20).Select(seed => Live(seed, protocol).Fingerprint), Is.Unique);

    private static TrialResult Live(int seed, int protocol)
    {
        var setting = Setting.Of(seed, protocol);
        return Trial.Run(setting, setting.Faults());
    }
}
