using System.Net;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.Server.Admission;

/// <summary>Refusals that repeat are summed up.</summary>
[TestFixture]
internal sealed class RefusalDigestTests
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    private TestScheduler clock = null!;
    private readonly List<string> said = [];
    private RefusalDigest digest = null!;

    [SetUp]
    public void Begin()
    {
        said.Clear();
        clock = new();
        digest = new(clock, Every, maxKinds: 3, (kind, origin, count) => said.Add($"{kind} {origin?.ToString() ?? "several"} {count}"));
    }

    [Test]
    public void The_first_is_said_at_once_and_the_others_together()
    {
        var firsts = Enumerable.Range(0, 1_000).Count(_ => digest.IsFirst(Refusal.NotProven, Of(1)));
        Assert.That((firsts, said), Is.EqualTo((1, Array.Empty<string>())));
        clock.AdvanceBy(Every.Ticks);
        Assert.That(said, Is.EqualTo(["NotProven 10.0.0.1 999"]));
    }

    [Test]
    public void After_a_quiet_while_the_next_is_a_first_again_and_one_alone_is_not_said_twice()
    {
        Assert.That(digest.IsFirst(Refusal.NotProven, Of(1)), Is.True);
        clock.AdvanceBy(Every.Ticks);
        Assert.That(digest.IsFirst(Refusal.NotProven, Of(1)), Is.True);
        clock.AdvanceBy(Every.Ticks);
        Assert.That(said, Is.Empty);
    }

    [Test]
    public void Kinds_and_origins_are_told_apart()
    {
        Assert.That((digest.IsFirst(Refusal.NotProven, Of(1)), digest.IsFirst(Refusal.NotProven, Of(2)), digest.IsFirst(Refusal.BadId, Of(1))), Is.EqualTo((true, true, true)));
    }

    [Test]
    public void Those_of_many_origins_are_said_as_one()
    {
        foreach (var host in Enumerable.Range(1, 200))
            digest.IsFirst(Refusal.NotProven, Of((byte)host));
        clock.AdvanceBy(Every.Ticks);
        Assert.That(said, Is.EqualTo(["NotProven several 196"]), "three of their own, one first of the others");
    }

    [Test]
    public void Nothing_waits_on_the_clock_when_nothing_was_refused()
    {
        digest.IsFirst(Refusal.NotProven, Of(1));
        clock.AdvanceBy(Every.Ticks);
        clock.Start();
        Assert.That(clock.Clock, Is.EqualTo(Every.Ticks));
    }

    private static Origin? Of(byte host) => Origin.Of(new IPEndPoint(new IPAddress([10, 0, 0, host]), 1));
}
