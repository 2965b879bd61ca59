using NUnit.Framework;
using TcpSoak.Memory;

namespace Rx.IotLink.Tests.Bench;

[TestFixture]
public sealed class TrendTests
{
    private const int MebiByte = 1 << 20;

    [Test]
    public void What_stays_is_flat() => Assert.That(Trends(_ => 0), Has.Count.EqualTo(4).And.All.Property(nameof(Trend.IsFlat)).True);

    [Test]
    public void What_goes_up_and_down_is_flat() => Assert.That(Trends(at => at % 2), Has.All.Property(nameof(Trend.IsFlat)).True);

    [Test]
    public void What_grows_is_found() => Assert.That(Trends(at => at), Has.Count.EqualTo(4).And.All.Property(nameof(Trend.IsFlat)).False);

    [Test]
    public void A_few_samples_say_nothing() => Assert.That(Trend.Of([.. Enumerable.Range(0, Trend.LeastSamples - 1).Select(at => Make(at, at))]), Is.Empty);

    [Test]
    public void Samples_are_thinned_and_stay_evenly_spread()
    {
        var samples = new Samples(TimeSpan.FromSeconds(1), (at, outages) => Make((int)at.TotalSeconds, 0) with { At = at });
        for (var second = 0; second <= 1_000; second++)
            samples.Next(TimeSpan.FromSeconds(second), () => 0);

        var gaps = samples.All.Zip(samples.All.Skip(1), (a, b) => b.At - a.At).Distinct().ToList();
        Assert.That(samples.All, Has.Count.InRange(50, 128));
        Assert.That(gaps.Max(), Is.AtMost(2 * gaps.Min()));
        Assert.That(samples.All[^1].At, Is.AtLeast(TimeSpan.FromSeconds(1_000 - 20)));
    }

    private static IReadOnlyList<Trend> Trends(Func<int, int> extra) => Trend.Of([.. Enumerable.Range(0, 40).Select(at => Make(at, extra(at)))]);

    private static Sample Make(int at, int extra) => new(TimeSpan.FromSeconds(at), at, (4 + extra) * MebiByte, (100 + extra) * MebiByte, 100 + extra, 400 + (4 * extra));
}
