using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using static Rx.IotLink.Tests.Protocol.Linking.LinkBench;

namespace Rx.IotLink.Tests.Protocol.Linking;

/// <summary>How what the protocol says gets onto the connection, and what it hears to the application.</summary>
public sealed class SendingTests
{
    [Test]
    public void A_client_sends_each_line_in_a_send_of_its_own_with_its_LF()
    {
        using var client = new LinkBench(Side.Client);
        foreach (var text in new[] { "a", "b", "c" })
            client.Link.Write(text, ordering: Ordering.Concurrent).Subscribe();
        client.Listen();
        var server = client.Serve();
        server.Say("\n");
        server.Say("00\n05x\n06y\n05x\n");
        client.Advance(2 * Tick);
        Assert.That(server.Take(), Is.EqualTo(["qos\n", "\n", "00a\n", "01b\n", "02c\n", "05\n", "06\n"]));
    }

    [Test]
    public void A_server_sends_what_has_gathered_at_once()
    {
        using var server = new LinkBench(Side.Server);
        server.Link.Write("first").Subscribe();
        var client = server.Serve();
        client.Say("\n");
        server.Advance(ProtocolDriver.SettlingTime);
        foreach (var text in new[] { "a", "b", "c" })
            server.Link.Write(text, ordering: Ordering.Concurrent).Subscribe();
        client.Take();
        client.Say("00\n");
        Assert.That(string.Concat(client.Take()), Is.EqualTo("01a\n02b\n03c\n"));
    }

    [TestCase(Side.Client)]
    [TestCase(Side.Server)]
    public void A_repetition_is_said_at_its_very_tick(Side side)
    {
        using var end = new LinkBench(side);
        var peer = end.Serve();
        peer.Say("\n");
        end.Advance(T / 2);
        peer.Say("\n");
        end.Link.Write("a").Subscribe();
        var sent = end.Now;
        for (var i = 0; i < 20; i++)
        {
            end.Advance(T / 2);
            peer.Say("\n");
        }

        var times = peer.Heard.Where(h => h.Packet == "00a\n").Select(h => h.Tick);
        Assert.That(times, Is.EqualTo(Enumerable.Range(0, 11).Select(i => (sent + (i * T)).Ticks)));
    }

    [TestCase(Side.Client)]
    [TestCase(Side.Server)]
    public void A_line_is_acknowledged_when_the_observer_has_had_it_and_waits_unacknowledged_until_there_is_one(Side side)
    {
        using var end = new LinkBench(side);
        var peer = end.Serve();
        peer.Say("\n00a\n");
        end.Advance(T / 8);
        Assert.That(string.Concat(peer.Take()), Does.Not.Contain("00\n"));
        end.Listen();
        end.Advance(Tick);
        Assert.That(end.Lines, Is.EqualTo(["a"]));
        Assert.That(string.Concat(peer.Take()), Does.Contain("00\n"));
    }

    [TestCase(Side.Client)]
    [TestCase(Side.Server)]
    public void A_partial_line_of_a_connection_that_ends_is_gone_with_it(Side side)
    {
        using var end = new LinkBench(side);
        end.Listen();
        var peer = end.Serve();
        peer.Say("\n00hel");
        peer.Fin();
        end.Serve().Say("\n01lo\n");
        end.Advance(Tick);
        Assert.That(end.Lines, Is.EqualTo(["lo"]));
    }

    [TestCase(Side.Client)]
    [TestCase(Side.Server)]
    public void While_a_connection_serves_another_one_is_not_touched(Side side)
    {
        using var end = new LinkBench(side);
        var peer = end.Serve();
        peer.Say("\n");
        var second = new ScriptedPeer(() => end.Scheduler.Clock);
        Assert.That(end.Link.TryServe(second), Is.Null);
        second.Say("\n00x\n");
        end.Advance(Tick);
        Assert.That(second.Heard, Is.Empty);
        Assert.That(end.State.Status, Is.EqualTo(LinkStatus.Up));
    }
}
