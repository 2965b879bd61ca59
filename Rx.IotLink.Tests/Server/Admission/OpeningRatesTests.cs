using System.Net;
using NUnit.Framework;
using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.Server.Admission;

/// <summary>How often an origin may open.</summary>
[TestFixture]
internal sealed class OpeningRatesTests
{
    [Test]
    public void So_many_at_once_then_so_many_a_second()
    {
        var rates = new OpeningRates(perSecond: 2, burst: 3);
        Assert.That(Taken(rates, 1, at: 0, tries: 5), Is.EqualTo(3));
        Assert.That(Taken(rates, 1, at: 0.4, tries: 5), Is.Zero);
        Assert.That(Taken(rates, 1, at: 1.0, tries: 5), Is.EqualTo(2), "a refused try does not put the next off");
        Assert.That(Taken(rates, 1, at: 60, tries: 5), Is.EqualTo(3), "no more than the burst is saved up");
    }

    [Test]
    public void One_origin_does_not_use_up_the_tokens_of_another()
    {
        var rates = new OpeningRates(perSecond: 1, burst: 1);
        Assert.That((Taken(rates, 1, 0, 2), Taken(rates, 2, 0, 2)), Is.EqualTo((1, 1)));
    }

    [Test]
    public void Origins_that_have_been_quiet_are_forgotten_for_new_ones()
    {
        var rates = new OpeningRates(perSecond: 1, burst: 2, maxOrigins: 2);
        Taken(rates, 1, at: 0, tries: 1);
        Taken(rates, 2, at: 9, tries: 2);
        Assert.That(Taken(rates, 3, at: 10, tries: 5), Is.EqualTo(2));
        Assert.That(rates.Count, Is.EqualTo(2));
        Assert.That(Taken(rates, 2, at: 10, tries: 2), Is.EqualTo(1), "the one that was not quiet is remembered");
    }

    [Test]
    public void With_no_room_for_its_memory_a_newcomer_is_not_limited()
    {
        var rates = new OpeningRates(perSecond: 1, burst: 1, maxOrigins: 1);
        Taken(rates, 1, at: 0, tries: 1);
        Assert.That(Taken(rates, 2, at: 0, tries: 3), Is.EqualTo(3));
        Assert.That(rates.Count, Is.EqualTo(1));
    }

    [Test]
    public void A_token_that_is_given_back_can_be_taken_again_and_no_more_than_the_burst_is_there()
    {
        var rates = new OpeningRates(perSecond: 1, burst: 2);
        rates.GiveBack(Host(1));
        Assert.That(Taken(rates, 1, at: 0, tries: 3), Is.EqualTo(2));
        rates.GiveBack(Host(1));
        Assert.That(Taken(rates, 1, at: 0, tries: 3), Is.EqualTo(1));
        for (var times = 0; times < 5; times++)
            rates.GiveBack(Host(1));
        Assert.That(Taken(rates, 1, at: 0, tries: 5), Is.EqualTo(2));
    }

    private static Origin Host(byte host) => Origin.Of(new IPEndPoint(new IPAddress([10, 0, 0, host]), 1))!.Value;

    private static int Taken(OpeningRates rates, byte host, double at, int tries) =>
        Enumerable.Range(0, tries).Count(_ => rates.TryTake(Host(host), TimeSpan.FromSeconds(at)));
}
