using System.Net;
using NUnit.Framework;
using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.Server.Admission;

/// <summary>Who has to go when too many have not said who they are.</summary>
[TestFixture]
internal sealed class OpeningPlacesTests
{
    private readonly List<string> turnedAway = [];

    [SetUp]
    public void Begin() => turnedAway.Clear();

    [Test]
    public void The_oldest_of_an_origin_gives_way_to_its_newest()
    {
        var places = new OpeningPlaces(most: 10, mostOfOrigin: 2);
        Take(places, "1.1.1.1", "a");
        Take(places, "1.1.1.1", "b");
        Take(places, "2.2.2.2", "c");
        Take(places, "1.1.1.1", "d");
        Assert.That(turnedAway, Is.EqualTo(["a: 2 of its origin"]));
        Assert.That(places.Count, Is.EqualTo(3));
    }

    [Test]
    public void A_full_house_takes_the_place_from_the_origin_that_holds_most()
    {
        var places = new OpeningPlaces(most: 4, mostOfOrigin: 4);
        Take(places, "9.9.9.9", "honest");
        Take(places, "1.1.1.1", "a");
        Take(places, "1.1.1.1", "b");
        Take(places, "1.1.1.1", "c");
        Take(places, "2.2.2.2", "newcomer");
        Take(places, "3.3.3.3", "another");
        Assert.That(turnedAway, Is.EqualTo(["a: 4 of all", "b: 4 of all"]));
    }

    [Test]
    public void Without_an_origin_only_the_limit_of_all_counts()
    {
        var places = new OpeningPlaces(most: 3, mostOfOrigin: 1);
        foreach (var name in new[] { "a", "b", "c", "d" })
            Take(places, null, name);
        Assert.That(turnedAway, Is.EqualTo(["a: 3 of all"]));
    }

    [Test]
    public void It_is_full_when_somebody_would_have_to_go()
    {
        var places = new OpeningPlaces(most: 2, mostOfOrigin: 1);
        using var first = Take(places, "1.1.1.1", "a");
        Assert.That(places.IsFull, Is.False);
        using (Take(places, "2.2.2.2", "b"))
            Assert.That(places.IsFull, Is.True);
        Assert.That(places.IsFull, Is.False);
    }

    [Test]
    public void A_place_is_given_back_once()
    {
        var places = new OpeningPlaces(most: 2, mostOfOrigin: 1);
        var first = Take(places, "1.1.1.1", "a");
        first.Dispose();
        first.Dispose();
        var second = Take(places, "1.1.1.1", "b");
        Take(places, "1.1.1.1", "c");
        second.Dispose();
        Assert.That(turnedAway, Is.EqualTo(["b: 1 of its origin"]));
        Assert.That(places.Count, Is.EqualTo(1));
    }

    [Test]
    public void The_last_of_an_origin_that_gives_way_to_itself_leaves_the_origin_in_order()
    {
        var places = new OpeningPlaces(most: 1, mostOfOrigin: 1);
        Take(places, "1.1.1.1", "a");
        var second = Take(places, "1.1.1.1", "b");
        second.Dispose();
        Assert.That(places.Count, Is.Zero);
        Take(places, "1.1.1.1", "c");
        Assert.That(turnedAway, Is.EqualTo(["a: 1 of its origin"]));
    }

    private OpeningPlaces.Place Take(OpeningPlaces places, string? address, string name) => places.Take(
        address is null ? null : Origin.Of(new IPEndPoint(IPAddress.Parse(address), 1)),
        limit => turnedAway.Add($"{name}: {limit.Most} of {(limit.IsOfOrigin ? "its origin" : "all")}"));
}
