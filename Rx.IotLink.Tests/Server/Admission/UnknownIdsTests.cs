using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server.Admission;

/// <summary>Which unknown id is forgotten, and what is left of it. In virtual time.</summary>
public sealed class UnknownIdsTests
{
    [Test]
    public void The_one_that_was_up_for_the_shortest_time_is_forgotten_first()
    {
        using var bench = new ServerBench(o => o with { MaxUnknownIds = 3 });
        foreach (var (id, milliseconds) in new[] { ("long", 900), ("short", 100), ("middle", 500) })
            Visit(bench, id, milliseconds);
        // In all, and not the last time.
        Visit(bench, "long", 10);

        Visit(bench, "new", 200);
        var (afterOne, shortest) = (Ids(bench), bench.Server.Find("short"));
        Visit(bench, "newer", 50);

        Assert.That(afterOne, Is.EqualTo(["long", "middle", "new"]));
        Assert.That(shortest, Is.Null);
        Assert.That(Ids(bench), Is.EqualTo(["long", "middle", "newer"]));
    }

    [Test]
    public void One_that_is_connected_is_not_forgotten()
    {
        using var bench = new ServerBench(o => o with { MaxUnknownIds = 2 });
        var live = bench.Connect(ServerBench.Opening("1", id: "live"));
        Visit(bench, "gone", 900);

        Visit(bench, "new", 10);

        Assert.That(Ids(bench), Is.EqualTo(["live", "new"]));
        Assert.That(live.IsEnded, Is.False);
    }

    [Test]
    public void One_that_comes_back_after_it_was_forgotten_has_another_link()
    {
        using var bench = new ServerBench(o => o with { MaxUnknownIds = 1 });
        var changes = bench.Server.Changes.Record();
        var (links, told) = (bench.Server.Links.Record(), bench.Server.ObserveConnections().Record());
        Visit(bench, "a", 10);
        var first = bench.Server.Find("a")!;
        var write = first.WriteAsync("never delivered");
        Visit(bench, "b", 10);
        Visit(bench, "a", 10);

        Assert.Multiple(() =>
        {
            Assert.That(write.Exception?.InnerException, Is.InstanceOf<LinkClosedException>());
            Assert.That(bench.Server.Find("a"), Is.Not.SameAs(first).And.Not.Null);
            Assert.That(changes.Values.Where(c => c.Kind is LinkChangeKind.Joined or LinkChangeKind.Forgotten).Select(c => (c.Kind, c.Id)), Is.EquivalentTo(
            [
                (LinkChangeKind.Joined, "a"), (LinkChangeKind.Joined, "b"), (LinkChangeKind.Forgotten, "a"), (LinkChangeKind.Joined, "a"), (LinkChangeKind.Forgotten, "b"),
            ]));
            Assert.That(links.Values.Select(l => l.Id), Is.EqualTo(["a", "b", "a"]));
            Assert.That(bench.Server.Links.Record().Values.Select(l => l.Id), Is.EqualTo(["a"]), "later subscribers do not get what is forgotten");
            Assert.That(told.Values.Last(c => ReferenceEquals(c.Link, first)).State.Status, Is.EqualTo(LinkStatus.Closed));
            Assert.That(bench.Server.Counters.UnknownIdsForgotten, Is.EqualTo(2));
        });
    }

    [Test]
    public void With_no_place_at_all_nobody_is_forgotten()
    {
        using var bench = new ServerBench(o => o with { MaxUnknownIds = 0 });

        var peer = bench.Connect(ServerBench.Opening("1", id: "a"));

        Assert.That(peer.Take().Single(), Does.StartWith("IOTLINK/2 no code=overloaded retry=1000"));
    }

    private static string[] Ids(ServerBench bench) => [.. bench.Server.GetConnections().Select(c => c.Id)];

    private static void Visit(ServerBench bench, string id, int milliseconds)
    {
        ScriptedPeer peer = bench.Connect(ServerBench.Opening("1", id: id));
        bench.Run(TimeSpan.FromMilliseconds(milliseconds));
        peer.Fin();
        bench.Run(TimeSpan.FromMilliseconds(1));
    }
}
