using NUnit.Framework;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>The lines that were not sent yet: three lanes, each in the order of writing.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class OutboxTests
{
    private readonly Outbox outbox = new();

    [Test]
    public void Each_lane_gives_its_oldest_line()
    {
        Add("o1", "o2", "c1", "c2", "b1", "b2");

        Assert.That((outbox.Ordered?.Text, outbox.Concurrent?.Text, outbox.BestEffort?.Text), Is.EqualTo(("o1", "c1", "b1")));
        Assert.That(Texts(outbox.All), Is.EqualTo(["o1", "o2", "c1", "c2", "b1", "b2"]));
    }

    [TestCase("o1,c1", "o1")]
    [TestCase("c1,o1", "c1")]
    [TestCase("b1,o1", "o1")]
    [TestCase("b1,c1", "c1")]
    [TestCase("b1", null)]
    public void The_exactly_once_line_that_was_written_first_is_the_first(string written, string? first)
    {
        Add(written.Split(','));

        Assert.That(outbox.FirstExactlyOnce?.Text, Is.EqualTo(first));
    }

    [Test]
    public void A_line_is_taken_out_once()
    {
        var (first, second) = (Add("o1"), Add("o2"));

        Assert.That(outbox.Remove(first), Is.True);
        Assert.That(outbox.Remove(first), Is.False);
        Assert.That(outbox.All, Is.EqualTo(new[] { second }));
    }

    [Test]
    public void What_is_put_back_comes_before_all_others_in_the_order_it_had()
    {
        var taken = new[] { Add("o1"), Add("c1"), Add("o2") };
        foreach (var line in taken)
            outbox.Remove(line);
        Add("o3", "c2");

        outbox.PutBack(taken);

        Assert.That(Texts(outbox.All), Is.EqualTo(["o1", "o2", "o3", "c1", "c2"]));
        Assert.That(outbox.FirstExactlyOnce, Is.SameAs(taken[0]), "it keeps its place in the order of writing");
        Assert.That(outbox.Remove(taken[2]), Is.True);
        Assert.That(Texts(outbox.All), Is.EqualTo(["o1", "o3", "c1", "c2"]));
    }

    [Test]
    public void The_oldest_ordered_line_that_may_go_gives_way()
    {
        Add("c1", "b1", "o1", "o2", "o3");

        Assert.That(outbox.OldestOrdered(line => line.Text != "o1")?.Text, Is.EqualTo("o2"));
        Assert.That(outbox.OldestOrdered(line => line.Text[0] != 'o'), Is.Null);
    }

    /// <summary>A name begins with its lane's letter.</summary>
    private OutLine Add(string name)
    {
        var line = new OutLine(name, name.Length, name[0] == 'b' ? Delivery.BestEffort : Delivery.ExactlyOnce, name[0] == 'c' ? Ordering.Concurrent : Ordering.Ordered);
        outbox.Add(line);
        return line;
    }

    private void Add(params string[] names)
    {
        foreach (var name in names)
            Add(name);
    }

    private static IEnumerable<string> Texts(IEnumerable<OutLine> lines) => lines.Select(line => line.Text);
}
