using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>Anyone may be anyone at an open server; what a stranger says there under a device's id ends with its connection.</summary>
public sealed class OpenServerTests
{
    private const string Device = "00000000000000aa";
    private const string Stranger = "00000000000000bb";
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Test]
    public void The_longest_line_that_a_stranger_takes_is_forgotten_when_it_leaves()
    {
        using var bench = new ServerBench();
        var opening = ServerBench.Opening(Stranger).Replace("max=4000", "max=1", StringComparison.Ordinal);
        var stranger = bench.Connect(opening);
        stranger.Fin();
        bench.Run(Second);

        var writing = bench.Server.Find("pump-1")!.WriteAsync("for the device");
        var device = bench.Connect(ServerBench.Opening(Device));

        Assert.That(writing.IsFaulted, Is.False, writing.Exception?.Message);
        Assert.That(string.Concat(device.Take()), Does.Contain("for the device\n"));
    }

    [Test]
    public void An_address_does_not_keep_an_id_for_longer_than_it_was_up_there()
    {
        using var bench = new ServerBench(o => o with { PinAddresses = true });
        var stranger = bench.Connect(ServerBench.Opening(Stranger), from: "192.0.2.66");
        Live(bench, stranger, 10);
        stranger.Fin();
        bench.Run(9 * Second);

        var early = bench.Connect(ServerBench.Opening(Device), from: "192.0.2.1");
        bench.Run(2 * Second);
        var later = bench.Connect(ServerBench.Opening(Device), from: "192.0.2.1");

        // Not for good: the pin passes.
        Assert.That(early.Take().Single(), Does.StartWith("IOTLINK/2 no code=busy retry=1000 "));
        Assert.That(later.Take()[0], Does.StartWith("IOTLINK/2 ok "));
    }

    [Test]
    public void The_time_that_an_id_was_up_at_its_address_counts_through_outages()
    {
        using var bench = new ServerBench(o => o with { PinAddresses = true });
        for (var connection = 1; connection <= 3; connection++)
        {
            var device = bench.Connect(ServerBench.Opening(Device, connection), from: "192.0.2.1");
            Live(bench, device, 10);
            device.Fin();
            bench.Run(Second);
        }

        bench.Run(28 * Second);
        var stranger = bench.Connect(ServerBench.Opening(Stranger), from: "192.0.2.66");
        bench.Run(2 * Second);
        var later = bench.Connect(ServerBench.Opening(Stranger), from: "192.0.2.66");

        Assert.That(stranger.Take().Single(), Does.StartWith("IOTLINK/2 no code=busy "));
        Assert.That(later.Take()[0], Does.StartWith("IOTLINK/2 ok "));
    }

    [Test]
    public void An_address_that_takes_an_id_over_begins_without_a_claim()
    {
        using var bench = new ServerBench(o => o with { PinAddresses = true });
        var device = bench.Connect(ServerBench.Opening(Device), from: "192.0.2.1");
        Live(bench, device, 10);
        device.Fin();
        bench.Run(11 * Second);
        var stranger = bench.Connect(ServerBench.Opening(Stranger), from: "192.0.2.66");
        Live(bench, stranger, 2);
        stranger.Fin();
        bench.Run(3 * Second);

        var back = bench.Connect(ServerBench.Opening(Device, connection: 2), from: "192.0.2.1");

        Assert.That(back.Take()[0], Does.StartWith("IOTLINK/2 ok "));
    }

    private static void Live(ServerBench bench, ScriptedPeer peer, int seconds)
    {
        for (var passed = 0; passed < seconds; passed++)
        {
            peer.Say("\n");
            bench.Run(Second);
        }
    }
}
