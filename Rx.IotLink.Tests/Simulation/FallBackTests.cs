using System.Reactive.Linq;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>A client that was not told a version meets a server that knows only protocol 1.</summary>
public sealed class FallBackTests
{
    [Test]
    public void Without_a_key_it_speaks_protocol_1_and_loses_nothing()
    {
        using var link = SimulatedLink.Start(client: o => o with { Host = "old" }, server: o => o with { Protocol2 = false, MaxIdBytes = 500 });
        var received = new List<string>();
        link.Server.Links.Where(l => l.Id == SimulatedLink.Id).SelectMany(l => l.Lines).Subscribe(received.Add);

        link.Client.Write("1").Concat(link.Client.Write("2")).Subscribe();
        link.Run(TimeSpan.FromSeconds(10));

        Assert.That(received, Is.EqualTo(["1", "2"]));
        Assert.That(link.Client.Counters.Outages, Is.Zero, "a version is no outage");
    }

    [Test]
    public void With_a_key_it_does_not_since_anybody_could_ask_it_to()
    {
        using var link = SimulatedLink.Start(client: o => o with { Key = new byte[32] }, server: o => o with { Protocol2 = false, MaxIdBytes = 500 });
        link.Run(TimeSpan.FromSeconds(10));

        Assert.That(link.Client.Counters.Outbox, Is.Zero);
        Assert.That(link.Server.Find(SimulatedLink.Id), Is.Null);
        Assert.That(link.Client.State.FirstAsync().Wait().Status, Is.EqualTo(LinkStatus.Connecting), "it goes on looking for a server that knows its key");
    }
}
