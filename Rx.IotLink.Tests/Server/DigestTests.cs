using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.Server;

/// <summary>What repeats itself is summed up.</summary>
[TestFixture]
internal sealed class DigestTests
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    private TestScheduler clock = null!;
    private readonly List<string> said = [];
    private Digest<(string What, string Who)> digest = null!;

    [SetUp]
    public void Begin()
    {
        said.Clear();
        clock = new();
        digest = new(clock, Every, maxTopics: 3, topic => topic with { Who = "several" }, (topic, count) => said.Add($"{topic.What} {topic.Who} {count}"));
    }

    [Test]
    public void The_first_is_said_at_once_and_the_others_together()
    {
        var firsts = Enumerable.Range(0, 1_000).Count(_ => digest.MaySay(("refused", "a")));
        Assert.That((firsts, said), Is.EqualTo((1, Array.Empty<string>())));
        clock.AdvanceBy(Every.Ticks);
        Assert.That(said, Is.EqualTo(["refused a 999"]));
    }

    [Test]
    public void As_many_are_said_at_once_as_is_asked_for()
    {
        Assert.That(Enumerable.Range(0, 10).Count(_ => digest.MaySay(("up", "a"), first: 4)), Is.EqualTo(4));
        clock.AdvanceBy(Every.Ticks);
        Assert.That(said, Is.EqualTo(["up a 6"]));
    }

    [Test]
    public void After_a_quiet_while_the_next_is_a_first_again_and_one_alone_is_not_said_twice()
    {
        Assert.That(digest.MaySay(("refused", "a")), Is.True);
        clock.AdvanceBy(Every.Ticks);
        Assert.That(digest.MaySay(("refused", "a")), Is.True);
        clock.AdvanceBy(Every.Ticks);
        Assert.That(said, Is.Empty);
    }

    [Test]
    public void Kinds_and_subjects_are_distinguished() =>
        Assert.That((digest.MaySay(("refused", "a")), digest.MaySay(("refused", "b")), digest.MaySay(("down", "a"))), Is.EqualTo((true, true, true)));

    [Test]
    public void Those_of_many_subjects_are_said_as_one()
    {
        foreach (var who in Enumerable.Range(1, 200))
            digest.MaySay(("refused", $"{who}"));
        clock.AdvanceBy(Every.Ticks);
        Assert.That(said, Is.EqualTo(["refused several 196"]), "three of their own, one first of the others");
    }

    [Test]
    public void At_its_end_it_says_what_has_gathered_and_hushes_nothing_any_more()
    {
        foreach (var _ in Enumerable.Range(0, 7))
            digest.MaySay(("refused", "a"));
        digest.Close();
        Assert.That(said, Is.EqualTo(["refused a 6"]));
        Assert.That((digest.MaySay(("refused", "a")), digest.MaySay(("refused", "a"))), Is.EqualTo((true, true)));
        clock.Start();
        Assert.That((clock.Clock, said.Count), Is.EqualTo((0L, 1)), "its timer has gone");
    }

    [Test]
    public void Nothing_waits_on_the_clock_when_nothing_was_said()
    {
        digest.MaySay(("refused", "a"));
        clock.AdvanceBy(Every.Ticks);
        clock.Start();
        Assert.That(clock.Clock, Is.EqualTo(Every.Ticks));
    }
}
