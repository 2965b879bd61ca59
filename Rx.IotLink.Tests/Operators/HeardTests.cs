using System.Reactive;
using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Operators;

/// <summary>What is heard from the peer, as the yellow lamp before the red one.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class HeardTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    private readonly TestScheduler clock = new();
    private readonly SimulatedLink link;

    public HeardTests()
    {
        link = SimulatedLink.Start(scheduler: clock, client: o => o with { Timeout = Limit }, server: o => o with { Timeout = Limit });
        link.Run(TimeSpan.FromSeconds(1));
    }

    public void Dispose() => link.Dispose();

    [Test]
    public void Lines_acknowledgements_and_keepalives_are_heard()
    {
        var (atServer, atDevice) = (Times(link.ServerEnd.Heard), Times(link.Client.Heard));
        using var lines = link.ServerEnd.Lines.Subscribe(_ => { });

        link.Client.Writer.OnNext("a line");
        link.Run(TimeSpan.FromMilliseconds(200));
        Assert.That(atServer, Is.Not.Empty, "the line");
        Assert.That(atDevice, Is.Not.Empty, "its acknowledgement");

        var before = atDevice.Count;
        link.Run(TimeSpan.FromSeconds(10));
        Assert.That(atDevice, Has.Count.GreaterThanOrEqualTo(before + 18), "keepalives, every half second");
    }

    [Test]
    public void Each_receipt_gives_a_value()
    {
        var heard = Times(link.ServerEnd.Heard);
        var beats = Times(link.ServerEnd.Heartbeat);
        link.Run(TimeSpan.FromSeconds(10));

        Assert.That(beats, Is.Not.Empty);
        Assert.That(beats.Except(heard), Is.Empty, "at each keepalive something was heard");
    }

    [Test]
    public void A_yellow_lamp_comes_before_the_red_one_and_goes_out_when_the_peer_is_heard_again()
    {
        var heard = Times(link.ServerEnd.Heard);
        var yellow = Times(link.ServerEnd.Heard.QuietFor(Limit / 2, clock));
        var red = Times(link.ServerEnd.State.Where(s => !s.IsUp));
        link.Run(TimeSpan.FromSeconds(20));
        Assert.That(yellow.Concat(red), Is.Empty, "all is well");

        var stall = link.Path.Stall();
        link.Run(TimeSpan.FromSeconds(10));
        var last = heard[^1];
        Assert.That(yellow, Is.EqualTo([last + (Limit / 2).Ticks]));
        Assert.That(red, Is.EqualTo([last + Limit.Ticks]));

        stall.Dispose();
        link.Run(TimeSpan.FromSeconds(60));
        Assert.That(heard, Has.Count.GreaterThan(10));
        Assert.That(heard[^1], Is.GreaterThan(clock.Clock - (Limit / 2).Ticks), "it is heard again");
        link.Path.Stall();
        link.Run(TimeSpan.FromSeconds(10));
        Assert.That(yellow[^1], Is.EqualTo(heard[^1] + (Limit / 2).Ticks), "and watched again");
    }

    [Test]
    public void It_completes_when_the_link_is_closed_and_at_once_on_a_closed_link()
    {
        var end = (Link)link.ServerEnd;
        var (before, after) = (clock.CreateObserver<Unit>(), clock.CreateObserver<Unit>());
        using var first = end.Heard.Subscribe(before);
        end.Close();
        link.Run(TimeSpan.FromMilliseconds(1));
        using var second = end.Heard.Subscribe(after);

        Assert.That(before.Messages[^1].Value.Kind, Is.EqualTo(NotificationKind.OnCompleted));
        Assert.That(after.Messages.Select(m => m.Value.Kind), Is.EqualTo([NotificationKind.OnCompleted]));
    }

    private List<long> Times<T>(IObservable<T> source)
    {
        var times = new List<long>();
        source.Subscribe(_ => times.Add(clock.Clock));
        return times;
    }
}
