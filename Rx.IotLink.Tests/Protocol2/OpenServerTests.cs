using NUnit.Framework;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>
/// Anyone may be anyone at an open server; what a stranger says there under a device's id ends with its connection.
/// </summary>
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

    [Test]
    public void The_name_of_a_memory_goes_to_no_one_but_its_owner()
    {
        using var bench = new ServerBench();
        var device = bench.Connect(ServerBench.Opening(Device));
        var early = bench.Connect(ServerBench.Opening(Stranger, connection: 9));
        device.Reset();
        bench.Run(Second);
        var later = bench.Connect(ServerBench.Opening(Stranger, connection: 10));
        later.Fin();
        bench.Run(Second);
        var back = bench.Connect(ServerBench.Opening(Device, connection: 2));

        Assert.That(early.Take().Single(), Does.StartWith("IOTLINK/2 no code=busy "));
        Assert.That(later.Take()[0], Does.StartWith("IOTLINK/2 ok ").And.Not.Contain(" peer=").And.Not.Contain(Device));
        Assert.That(back.Take()[0], Does.StartWith("IOTLINK/2 ok ").And.Not.Contain(Stranger));
    }

    [Test]
    public void The_highest_number_of_a_connection_keeps_a_device_out_no_longer_than_that_lasts()
    {
        using var bench = new ServerBench();
        var device = bench.Connect(ServerBench.Opening(Device));
        device.Say("+0001a\n");
        bench.Run(Second);
        // On the path it has read the epoch.
        var thief = bench.Connect(ServerBench.Opening(Device).Replace("conn=1", $"conn={ulong.MaxValue}", StringComparison.Ordinal));
        var early = bench.Connect(ServerBench.Opening(Device, connection: 2));
        thief.Reset();
        bench.Run(Second);
        var later = bench.Connect(ServerBench.Opening(Device, connection: 3));

        Assert.That(early.Take().Single(), Does.StartWith("IOTLINK/2 no code=busy "));
        Assert.That(later.Take()[0], Does.StartWith("IOTLINK/2 ok ").And.Contain($" peer={Device} rx=0 seen=1 "));
    }

    [TestCase("another epoch", false)]
    [TestCase("another epoch", true)]
    [TestCase("protocol 1", false)]
    [TestCase("protocol 1", true)]
    [TestCase("both", false)]
    [TestCase("both", true)]
    public void A_line_whose_acknowledgement_was_lost_is_had_once_whoever_comes_in_between(string kind, bool isKept)
    {
        using var bench = new ServerBench(o => isKept ? o with { SessionStore = new MemorySessionStore() } : o);
        var lines = new List<string>();
        bench.Server.Links.Subscribe(link => link.Lines.Subscribe(lines.Add));
        var server = Resume(bench, 1, rx: null, "+0001a\n");
        for (var visit = 1; visit <= 12; visit++)
            Visit(bench, kind switch { "both" => visit % 2 == 0, _ => kind == "protocol 1" }, visit);

        var device = bench.Connect(ServerBench.Opening(Device, connection: 2, more: $" peer={server} rx=0"));
        device.Say("+0001a\n+0002b\n");
        bench.Run(Second);

        Assert.That(lines, Is.EqualTo(new[] { "a", "b" }));
        Assert.That(string.Concat(device.Take()), Does.Contain("=0002\n"));
    }

    [Test]
    public void Of_strangers_that_bring_lines_a_few_are_remembered()
    {
        using var bench = new ServerBench();
        var lines = new List<string>();
        bench.Server.Links.Subscribe(link => link.Lines.Subscribe(lines.Add));
        var server = Resume(bench, 1, rx: null, "+0001a\n");
        for (var visit = 1; visit <= Receiver.MaxEarlier; visit++)
            Visit(bench, isOld: false, visit, "+0001x\n");

        var device = bench.Connect(ServerBench.Opening(Device, connection: 2, more: $" peer={server} rx=0"));
        device.Say("+0001a\n+0002b\n");
        bench.Run(Second);

        Assert.That(lines, Is.EqualTo(new[] { "a", "x", "x", "x", "x", "b" }));
    }

    [Test]
    public void Lines_that_wait_for_the_application_while_a_stranger_comes_are_acknowledged_to_their_owner_alone()
    {
        using var bench = new ServerBench();
        var server = Resume(bench, 1, rx: null, "+0001a\n+0002b\n");
        var stranger = bench.Connect(ServerBench.Opening(Stranger));
        stranger.Say("+0001x\n");
        bench.Run(Second);
        var lines = new List<string>();
        bench.Server.Find("pump-1")!.Lines.Subscribe(lines.Add);
        bench.Run(Second);
        stranger.Reset();
        bench.Run(Second);

        var device = bench.Connect(ServerBench.Opening(Device, connection: 2, more: $" peer={server} rx=0"));

        Assert.That(lines, Is.EqualTo(new[] { "a", "b", "x" }));
        Assert.That(string.Concat(stranger.Take()), Does.Contain("=0001\n").And.Not.Contain("=0002"));
        Assert.That(device.Take()[0], Does.Contain($" peer={Device} rx=2 window"));
    }

    [TestCase("another epoch")]
    [TestCase("protocol 1")]
    [TestCase("a short max")]
    [TestCase("a made-up memory")]
    [TestCase("all of them")]
    public void A_line_that_the_device_has_accepted_is_not_sent_again_whoever_comes_in_between(string kind)
    {
        using var bench = new ServerBench();
        var notices = new List<LinkNoticeKind>();
        bench.Server.Links.Subscribe(link => link.Notices.Subscribe(n => notices.Add(n.Kind)));
        var server = Resume(bench, 1, rx: null, "");
        var writing = bench.Server.Find("pump-1")!.WriteAsync("once");
        Assert.That(Resume(bench, 2, $" peer={server} rx=0", ""), Is.EqualTo(server));
        if (kind is "another epoch" or "all of them")
            Visit(bench, isOld: false, 1);
        if (kind is "a short max" or "all of them")
            Leave(bench, bench.Connect(ServerBench.Opening(Stranger).Replace("max=4000", "max=1", StringComparison.Ordinal)));
        if (kind is "protocol 1" or "all of them")
            Visit(bench, isOld: true, 1);
        if (kind is "a made-up memory" or "all of them")
        {
            var said = Leave(bench, bench.Connect(ServerBench.Opening(Stranger, connection: 2)));
            var epoch = said.Split(' ').Single(t => t.StartsWith("epoch=", StringComparison.Ordinal))[6..];
            said = Leave(bench, bench.Connect(ServerBench.Opening(Stranger, connection: 3, more: $" peer={epoch} rx=999999")));
            Assert.That(said, Does.StartWith("IOTLINK/2 no code=malformed "));
        }

        Assert.That(writing.IsCompleted, Is.False);
        var device = bench.Connect(ServerBench.Opening(Device, connection: 3, more: $" peer={server} rx=1"));
        bench.Run(Second);

        Assert.That(writing.IsCompletedSuccessfully, Is.True);
        Assert.That(string.Concat(device.Take()), Does.StartWith("IOTLINK/2 ok ").And.Not.Contain("once"));
        Assert.That(notices, Has.None.EqualTo(LinkNoticeKind.MemoryRolledBack));
    }

    /// <summary>The device connects, says something, and breaks off. Gives the epoch of the server.</summary>
    private static string Resume(ServerBench bench, int connection, string? rx, string said)
    {
        var device = bench.Connect(ServerBench.Opening(Device, connection, more: rx ?? ""));
        device.Say(said);
        var answer = Leave(bench, device);
        return answer.Split(' ').Single(t => t.StartsWith("epoch=", StringComparison.Ordinal))[6..];
    }

    private static void Visit(ServerBench bench, bool isOld, int number, string said = "\n")
    {
        var stranger = bench.Connect(isOld ? "pump-1" : ServerBench.Opening($"{number + 0xb0:x16}"));
        stranger.Say(said);
        bench.Run(Second);
        Leave(bench, stranger);
    }

    private static string Leave(ServerBench bench, ScriptedPeer peer)
    {
        bench.Run(TimeSpan.FromMilliseconds(10));
        var said = string.Concat(peer.Take());
        peer.Reset();
        bench.Run(Second);
        return said;
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
