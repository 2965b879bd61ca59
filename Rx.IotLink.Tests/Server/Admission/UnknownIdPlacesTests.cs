using System.Net;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Server.Admission;

/// <summary>Which stranger gives way to which, by the addresses they come from and the times they were up.</summary>
internal sealed class UnknownIdPlacesTests : IDisposable
{
    private static readonly Origin One = Of(1);
    private static readonly Origin Two = Of(2);
    private static readonly Origin Three = Of(3);

    private readonly ServerBench bench = new(o => o);

    public void Dispose() => bench.Dispose();

    [Test]
    public void At_the_limit_of_an_address_its_own_shortest_gives_way_and_none_of_another()
    {
        var ids = new UnknownIds(most: 10, mostOfOrigin: 2);
        var other = Gone(ids, "other", 50, Two);
        var longer = Gone(ids, "longer", 300, One);
        var shorter = Gone(ids, "shorter", 100, One);

        Assert.That(PlaceOf(ids, One).GivesWay, Is.SameAs(shorter));
        Assert.That(PlaceOf(ids, Two), Is.EqualTo((true, (UnknownId?)null, "")), "that address has room");
        ids.Remove(shorter);
        Assert.That(PlaceOf(ids, One), Is.EqualTo((true, (UnknownId?)null, "")), "and this one again");
        ids.Connected(longer);
        ids.Add(LinkOf("third", 10), One);
        Assert.That(PlaceOf(ids, One), Is.EqualTo((false, (UnknownId?)null, "2 unknown ids from 10.0.0.1 are known already, and all are connected")));
        ids.Disconnected(longer);
        Assert.That(PlaceOf(ids, One).GivesWay, Is.SameAs(longer));
        Assert.That(ids.Count, Is.EqualTo(3));
        ids.Remove(other);
        Assert.That(PlaceOf(ids, Two).GivesWay, Is.Null);
    }

    [Test]
    public void An_address_that_was_forgotten_begins_anew()
    {
        var ids = new UnknownIds(most: 10, mostOfOrigin: 1);
        for (var times = 0; times < 3; times++)
        {
            Assert.That(PlaceOf(ids, One), Is.EqualTo((true, (UnknownId?)null, "")), $"{times}");
            ids.Remove(Gone(ids, $"{times}", 10, One));
        }
    }

    [Test]
    public void Where_there_is_no_room_the_idle_one_that_was_up_shortest_gives_way()
    {
        var ids = new UnknownIds(most: 3, mostOfOrigin: null);
        ids.Add(LinkOf("live", 1), One);
        Gone(ids, "long", 300, One);
        var brief = Gone(ids, "short", 100, Two);

        Assert.That(PlaceOf(ids, Three).GivesWay, Is.SameAs(brief));
        ids.Connected(brief);
        ids.Connected(brief);
        Assert.That(PlaceOf(ids, Three).GivesWay?.Link.Id, Is.EqualTo("long"), "the other is connected now");
        Assert.That(ids.Count, Is.EqualTo(3), "once");
    }

    [Test]
    public void Of_those_that_were_up_for_the_same_time_the_first_gives_way()
    {
        var ids = new UnknownIds(most: 2, mostOfOrigin: null);
        var link = LinkOf("both", 100);
        var (first, second) = (ids.Add(link, One), ids.Add(link, One));
        ids.Disconnected(second);
        ids.Disconnected(first);

        Assert.That(PlaceOf(ids, Two).GivesWay, Is.SameAs(first));
        ids.Remove(first);
        Assert.That((ids.Count, PlaceOf(ids, Two).GivesWay), Is.EqualTo((1, (UnknownId?)null)));
    }

    [Test]
    public void Where_all_are_connected_the_address_with_the_most_loses_its_newest_to_one_with_fewer()
    {
        var ids = new UnknownIds(most: 3, mostOfOrigin: null);
        ids.Add(LinkOf("a", 1), One);
        ids.Add(LinkOf("c", 1), Two);
        var newest = ids.Add(LinkOf("b", 1), One);

        Assert.That(PlaceOf(ids, Three), Is.EqualTo((true, newest, "3 unknown ids are known already, the limit is 3")));
        Assert.That(PlaceOf(ids, Two), Is.EqualTo((false, (UnknownId?)null, "3 unknown ids are known already, the limit is 3")), "it would only change places");
        Assert.That(PlaceOf(ids, One).HasPlace, Is.False);
    }

    [Test]
    public void A_connection_gives_way_only_to_an_address_with_fewer_or_to_one_that_is_no_stranger()
    {
        var ids = new UnknownIds(most: 10, mostOfOrigin: null);
        Assert.That(ids.WhoGivesWay(Three, stranger: null), Is.Null, "nobody is there");
        var first = ids.Add(LinkOf("a", 1), One);
        var newest = ids.Add(LinkOf("b", 1), One);
        var other = ids.Add(LinkOf("c", 1), Two);

        Assert.Multiple(() =>
        {
            Assert.That(ids.WhoGivesWay(One, stranger: null), Is.SameAs(newest));
            Assert.That(ids.WhoGivesWay(Two, other), Is.SameAs(newest));
            Assert.That(ids.WhoGivesWay(One, first), Is.Null, "it has the most itself");
            Assert.That((ids.ConnectionsOf(One), ids.ConnectionsOf(Two), ids.ConnectionsOf(Three)), Is.EqualTo((2, 1, 0)));
        });
    }

    [Test]
    public void One_that_is_being_made_has_its_place_already()
    {
        var ids = new UnknownIds(most: 1, mostOfOrigin: null);
        ids.Reserve();
        Assert.That((ids.Count, PlaceOf(ids, One).HasPlace), Is.EqualTo((1, false)));
        ids.EndReservation();
        Assert.That((ids.Count, PlaceOf(ids, One).HasPlace), Is.EqualTo((0, true)));
    }

    private static Origin Of(byte host) => Origin.Of(new IPEndPoint(new IPAddress([10, 0, 0, host]), 1))!.Value;

    private static (bool HasPlace, UnknownId? GivesWay, string Limit) PlaceOf(UnknownIds ids, Origin origin) =>
        (ids.HasPlace(origin, out var givesWay, out var limit), givesWay, limit);

    /// <summary>One that was up for so long, and is connected no more.</summary>
    private UnknownId Gone(UnknownIds ids, string id, int milliseconds, Origin origin)
    {
        var made = ids.Add(LinkOf(id, milliseconds), origin);
        ids.Disconnected(made);
        return made;
    }

    /// <summary>A link that was up for so long.</summary>
    private Link LinkOf(string id, int milliseconds)
    {
        ScriptedPeer peer = bench.Connect(ServerBench.Opening("1", id: id));
        bench.Run(TimeSpan.FromMilliseconds(milliseconds));
        peer.Fin();
        bench.Run(TimeSpan.FromMilliseconds(1));
        return (Link)bench.Server.Find(id)!;
    }
}
