using System.Reactive.Concurrency;
using System.Reactive.Linq;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>A week in the life of a link, with an outage every eight minutes.</summary>
public sealed class VirtualWeekTests
{
    private static readonly TimeSpan Week = TimeSpan.FromDays(7);

    [Test]
    public void A_week_with_a_thousand_outages_loses_repeats_and_disorders_nothing([Values(1, 2)] int protocol)
    {
        var week = Live(protocol, seed: 1, Week);

        TestContext.Out.WriteLine(week.Summary);
        Assert.Multiple(() =>
        {
            Assert.That(week.Up.Verdict, Is.EqualTo(DeliveryVerdict.Good), "client to server");
            Assert.That(week.Down.Verdict, Is.EqualTo(DeliveryVerdict.Good), "server to client");
            Assert.That(week.Up.Accepted, Is.EqualTo(week.Up.Written), "every write was told that it was accepted, in order");
            Assert.That(week.Down.Accepted, Is.EqualTo(week.Down.Written));
            Assert.That(week.Up.BestEffortReceived, Is.Unique.And.SubsetOf(week.Up.BestEffortWritten), "best effort is at most once");
            Assert.That(week.Down.BestEffortReceived, Is.Unique.And.SubsetOf(week.Down.BestEffortWritten));
            Assert.That(week.Outages, Is.GreaterThanOrEqualTo(1_000));
            Assert.That(week.FaultKinds, Is.EqualTo(7), "every kind of fault happened");
            Assert.That(week.Up.Written, Has.Count.GreaterThan(10_000));
        });
    }

    [Test]
    public void One_seed_is_one_history_to_the_tick([Values(1, 2)] int protocol)
    {
        var first = Live(protocol, seed: 7, TimeSpan.FromHours(8)).History;
        var second = Live(protocol, seed: 7, TimeSpan.FromHours(8)).History;

        Assert.That(second, Is.EqualTo(first));
    }

    [Test]
    public void Another_seed_is_another_history([Values(1, 2)] int protocol) =>
        Assert.That(Live(protocol, seed: 7, TimeSpan.FromHours(2)).History, Is.Not.EqualTo(Live(protocol, seed: 8, TimeSpan.FromHours(2)).History));

    private static SimulatedLife Live(int protocol, int seed, TimeSpan time)
    {
        using var link = SimulatedLink.Start(
            seed,
            new PathOptions { Latency = TimeSpan.FromMilliseconds(20), Jitter = TimeSpan.FromMilliseconds(60), SliceBytes = 12 },
            client: options => options with { Protocol = protocol });
        var life = new SimulatedLife(link, seed);
        life.Run(time);
        return life;
    }
}
