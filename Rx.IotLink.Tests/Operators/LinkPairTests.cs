using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Operators;

/// <summary>What the other tests of operators take for granted of their pair of links.</summary>
internal sealed class LinkPairTests
{
    [Test]
    public void Lines_go_both_ways_and_survive_an_outage()
    {
        using var pair = new LinkPair(new TestScheduler());
        var atServer = new List<string>();
        var atDevice = new List<string>();
        using var first = pair.Server.Lines.Subscribe(atServer.Add);
        using var second = pair.Device.Lines.Subscribe(atDevice.Add);

        pair.Device.Writer.OnNext("1");
        pair.Server.Writer.OnNext("a");
        pair.Advance(TimeSpan.FromSeconds(1));
        pair.GoDown();
        pair.Device.Writer.OnNext("2");
        pair.Server.Writer.OnNext("b");
        pair.Advance(TimeSpan.FromMinutes(1));

        Assert.That(atServer, Is.EqualTo(new[] { "1" }));
        Assert.That(pair.Device.State.FirstAsync().Wait().IsUp, Is.False);

        pair.ComeUp();
        pair.Advance(TimeSpan.FromMinutes(1));

        Assert.That(atServer, Is.EqualTo(new[] { "1", "2" }));
        Assert.That(atDevice, Is.EqualTo(new[] { "a", "b" }));
        Assert.That(pair.Server.State.FirstAsync().Wait().Connections, Is.EqualTo(2));
    }

    [Test]
    public void Every_run_is_the_same_to_the_tick()
    {
        var (first, second) = (History(), History());

        Assert.That(first, Has.Count.GreaterThan(60));
        Assert.That(second, Is.EqualTo(first));
    }

    private static List<string> History()
    {
        var scheduler = new TestScheduler();
        using var pair = new LinkPair(scheduler);
        var history = new List<string>();
        using var server = pair.Server.State.Subscribe(state => history.Add($"{scheduler.Clock} server {state}"));
        using var device = pair.Device.State.Subscribe(state => history.Add($"{scheduler.Clock} device {state}"));
        using var lines = pair.Server.Lines.Subscribe(line => history.Add($"{scheduler.Clock} {line}"));
        for (var i = 0; i < 20; i++)
        {
            pair.Device.Writer.OnNext($"{i}");
            pair.GoDown();
            pair.Advance(TimeSpan.FromSeconds(10));
            pair.ComeUp();
            pair.Advance(TimeSpan.FromSeconds(10));
        }

        return history;
    }
}
