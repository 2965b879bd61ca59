using System.Reactive.Concurrency;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Protocol.Linking;

/// <summary>
/// Both of our ends over a path that fails in one direction and then in the other, so that a server hears of the end of
/// a connection late.
/// </summary>
public sealed class HeldUpEndTests
{
    [Test]
    public void A_line_is_not_given_twice_when_the_end_of_its_connection_came_late()
    {
        using var link = SimulatedLink.Start(client: o => o with { Protocol = 1, BackOff = o.BackOff with { Jitter = 0 } });
        var (received, restarts) = (new List<string>(), 0);
        link.Run(TimeSpan.FromSeconds(1));
        link.ServerEnd.Lines.Subscribe(received.Add);
        link.ServerEnd.Notices.Where(n => n.Kind == LinkNoticeKind.PeerRestarted).Subscribe(_ => restarts++);
        link.Client.Write("first").Subscribe();
        link.Run(TimeSpan.FromSeconds(1));

        // Nothing comes down: the client hears neither the acknowledgement nor a keepalive. Then nothing goes up
        // either, until its end gets through.
        var down = link.Path.Stall(StallDirection.Down);
        link.Client.Write("second").Subscribe();
        link.Run(TimeSpan.FromMilliseconds(1_400));
        var up = link.Path.Stall(StallDirection.Up);
        link.Run(TimeSpan.FromMilliseconds(1_500));
        up.Dispose();
        down.Dispose();
        link.Run(TimeSpan.FromSeconds(10));

        Assert.That(received, Is.EqualTo(["first", "second"]));
        Assert.That(restarts, Is.Zero);
        Assert.That(link.Client.Counters, Has.Property(nameof(LinkCounters.Outages)).EqualTo(1).And.Property(nameof(LinkCounters.Outbox)).Zero);
        Assert.That(link.ServerEnd.Counters.DuplicatesReceived, Is.EqualTo(1), "it did come again");
    }
}
