using NUnit.Framework;
using Rx.IotLink.Testing.Tcp;

namespace Rx.IotLink.Tests.Testing.Tcp;

[TestFixture]
public sealed class FaultScheduleTests
{
    private static readonly TcpFaultMix Mix = new();

    [Test]
    public void The_same_seed_gives_the_same_faults([Values(1, 7, -1)] int seed)
    {
        var once = FaultSchedule.Plan(seed, Mix).Take(100).ToList();
        var again = FaultSchedule.Plan(seed, Mix).Take(100).ToList();

        Assert.That(again, Is.EqualTo(once));
    }

    [Test]
    public void Another_seed_gives_others() =>
        Assert.That(FaultSchedule.Plan(7, Mix).Take(100), Is.Not.EqualTo(FaultSchedule.Plan(8, Mix).Take(100)));

    [Test]
    public void Each_kind_comes_once_in_eight() =>
        Assert.That(FaultSchedule.Plan(7, Mix).Take(80).Chunk(8).Select(eight => eight.Select(step => step.Fault.Name).Distinct(StringComparer.Ordinal).Count()), Is.All.EqualTo(8));

    [Test]
    public void Times_keep_their_bounds() => Assert.Multiple(() =>
    {
        foreach (var (peace, fault) in FaultSchedule.Plan(7, Mix).Take(600))
        {
            Assert.That(peace, Is.InRange(Mix.LeastPeace, Mix.MostPeace));
            if (fault is TcpFault.Stall stall)
                Assert.That(stall.Lasting, Is.InRange(Mix.ShortestStall, Mix.LongestStall));
        }
    });
}
