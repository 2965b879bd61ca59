using System.Net;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.Server;

/// <summary>Whatever comes and goes: the crowd has what a plain list has.</summary>
public sealed class CrowdTests
{
    private static readonly Origin?[] Origins = [null, .. Enumerable.Range(1, 3).Select(n => Origin.Of(new IPEndPoint(new IPAddress([10, 0, 0, (byte)n]), 1)))];

    [Test]
    public void It_knows_the_size_of_each_origin_and_the_busiest_one()
    {
        // A number adds an item of an origin; a negative one removes an item.
        var steps = Gen.Choose(-3, Origins.Length - 1).ArrayOf(200);
        Prop.ForAll(steps.ToArbitrary(), Live).QuickCheckThrowOnFailure();
    }

    [Test]
    public void An_origin_that_shrinks_to_nothing_leaves_nothing()
    {
        var crowd = new Crowd<int>();
        var nodes = Enumerable.Range(0, 1_000).Select(n => new LinkedListNode<int>(n)).ToList();
        foreach (var node in nodes)
            crowd.Add(Origins[1], node);
        Assert.That((crowd.Most, crowd.Count, crowd.OldestOfBusiest(), crowd.NewestOfBusiest()), Is.EqualTo((1_000, 1_000, 0, 999)));
        foreach (var node in nodes)
            Assert.That(crowd.Remove(Origins[1], node));
        Assert.That((crowd.Most, crowd.Count), Is.EqualTo((0, 0)));
    }

    private static void Live(int[] steps)
    {
        var crowd = new Crowd<int>();
        var items = new List<(Origin? Origin, LinkedListNode<int> Node)>();
        for (var at = 0; at < steps.Length; at++)
        {
            if (steps[at] >= 0 || items.Count == 0)
            {
                items.Add((Origins[Math.Max(steps[at], 0)], new(at)));
                crowd.Add(items[^1].Origin, items[^1].Node);
            }
            else
            {
                var (origin, node) = items[at * 7 % items.Count];
                Assert.That(crowd.Remove(origin, node));
                Assert.That(crowd.Remove(origin, node), Is.False);
                items.RemoveAt(at * 7 % items.Count);
            }

            var sizes = items.CountBy(i => i.Origin ?? default).ToDictionary();
            Assert.That(crowd.Count, Is.EqualTo(items.Count));
            Assert.That(crowd.Most, Is.EqualTo(sizes.Values.DefaultIfEmpty(0).Max()));
            Assert.That(Origins.Select(crowd.CountOf), Is.EqualTo(Origins.Select(o => sizes.GetValueOrDefault(o ?? default))));
            if (items.Count == 0)
                continue;
            var (busiest, oldest) = (items.Where(i => sizes[i.Origin ?? default] == crowd.Most).ToLookup(i => i.Origin ?? default, i => i.Node.Value), crowd.OldestOfBusiest());
            Assert.That(busiest.Select(group => (group.First(), group.Last())), Does.Contain((oldest, crowd.NewestOfBusiest())));
        }
    }
}
