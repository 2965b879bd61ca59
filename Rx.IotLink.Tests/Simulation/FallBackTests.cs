using System.Reactive.Linq;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>A client without a chosen version meets a server that knows only protocol 1.</summary>
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
    public void It_stays_of_use_there_through_outages_and_loses_and_repeats_nothing()
    {
        using var link = SimulatedLink.Start(client: o => o with { Host = "old" }, server: o => o with { Protocol2 = false, MaxIdBytes = 500 });
        var (up, down, written) = (new List<string>(), new List<string>(), new List<string>());
        link.Server.Links.Where(l => l.Id == SimulatedLink.Id).SelectMany(l => l.Lines).Subscribe(up.Add);
        link.Client.Lines.Subscribe(down.Add);
        link.Run(TimeSpan.FromSeconds(10));
        for (var outage = 1; outage <= 12; outage++)
        {
            written.Add($"{outage}");
            link.Client.Write($"{outage}").Subscribe();
            link.ServerEnd.Write($"{outage}").Subscribe();
            link.Run(TimeSpan.FromMilliseconds(outage));
            link.Path.Kill(reset: outage % 2 == 0);
            link.Run(TimeSpan.FromSeconds(20));
            Assert.That(link.Client.State.FirstAsync().Wait().IsUp, Is.True);
        }

        Assert.That(up, Is.EqualTo(written));
        Assert.That(down, Is.EqualTo(written));
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
