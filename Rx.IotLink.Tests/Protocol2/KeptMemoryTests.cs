using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>A client whose memory outlives it, over the simulated path.</summary>
public sealed class KeptMemoryTests
{
    private static readonly KeptMemory Kept = new(Epoch: 5, First: 3, Lines: ["old 1", "old 2"], PeerEpoch: null, Accepted: 0, Connections: 41);

    [Test]
    public void Its_lines_wait_in_the_outbox_and_are_acknowledged_like_others()
    {
        var store = new MemoryStore(Kept);
        using var link = SimulatedLink.Start(client: options => options with { SessionStore = store });
        var received = new List<string>();
        link.Server.Links.SelectMany(l => l.Lines).Subscribe(received.Add);
        Assert.That(link.Client.Counters.Outbox, Is.EqualTo(2));

        link.Client.Write("new").Subscribe();
        link.Run(TimeSpan.FromSeconds(5));

        Assert.That(received, Is.EqualTo(["old 1", "old 2", "new"]));
        Assert.That((link.Client.Counters.Outbox, link.Client.Counters.LinesAcknowledged), Is.EqualTo((0, 3L)));
        Assert.That(link.Client.DrainAsync().IsCompletedSuccessfully);
    }

    [Test]
    public void Its_connections_are_counted_on()
    {
        var store = new MemoryStore(Kept);
        using var link = SimulatedLink.Start(client: options => options with { SessionStore = store });
        link.Run(TimeSpan.FromSeconds(1));
        link.Path.Kill(reset: true);
        link.Run(TimeSpan.FromSeconds(5));

        Assert.That(store.Latest!.Connections, Is.EqualTo(43));
    }

    [Test]
    public void A_store_that_fails_ends_the_connection_and_the_session_goes_on_when_it_works_again()
    {
        var store = new MemoryStore();
        using var link = SimulatedLink.Start(client: options => options with { SessionStore = store });
        var (received, reasons) = (new List<string>(), new List<OutageReason?>());
        link.Server.Links.SelectMany(l => l.Lines).Subscribe(received.Add);
        link.Client.State.Subscribe(s => reasons.Add(s.Outage?.Reason));
        link.Run(TimeSpan.FromSeconds(1));

        store.Fault = new IOException("the disk is full");
        link.Client.Write("1").Concat(link.Client.Write("2")).Subscribe();
        link.Run(TimeSpan.FromSeconds(3));
        store.Fault = null;
        link.Run(TimeSpan.FromSeconds(30));

        Assert.That(reasons, Has.Member(OutageReason.StoreFailed));
        Assert.That(received, Is.EqualTo(["1", "2"]));
    }
}
