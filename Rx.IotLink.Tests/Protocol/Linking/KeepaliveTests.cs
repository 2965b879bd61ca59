using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using static Rx.IotLink.Tests.Protocol.Linking.LinkBench;

namespace Rx.IotLink.Tests.Protocol.Linking;

/// <summary>When an end says that it lives.</summary>
public sealed class KeepaliveTests
{
    [TestCase(2_000)]
    [TestCase(500)]
    public void A_server_says_a_keepalive_at_once_and_then_every_quarter_of_T(int milliseconds)
    {
        var t = TimeSpan.FromMilliseconds(milliseconds);
        using var server = new LinkBench(Side.Server, t);
        var client = server.Serve();
        server.Advance(t - Tick);
        Assert.That(client.Heard, Is.EqualTo([(0, "\n"), (t.Ticks / 4, "\n"), (t.Ticks / 2, "\n"), (t.Ticks * 3 / 4, "\n")]));
    }

    [Test]
    public void A_server_says_it_whatever_else_it_says()
    {
        using var server = new LinkBench(Side.Server);
        var client = server.Serve();
        client.Say("\n");
        for (var i = 0; i < 16; i++)
        {
            server.Advance(T / 8);
            client.Say("\n");
            server.Link.Write($"x{i}", ordering: Ordering.Concurrent).Subscribe();
        }

        var keepalives = client.Heard.Where(h => h.Packet == "\n").Select(h => h.Tick);
        Assert.That(keepalives, Is.EqualTo(Enumerable.Range(0, 9).Select(i => i * T.Ticks / 4)));
    }

    [Test]
    public void A_client_says_it_when_it_has_said_nothing_for_a_quarter_of_T()
    {
        using var client = new LinkBench(Side.Client);
        var server = client.Serve();
        client.Advance(T / 10);
        server.Say("\n");
        client.Advance(T - Tick);
        var opened = T.Ticks / 10;
        Assert.That(server.Heard.Skip(1), Is.EqualTo([(opened, "\n"), (opened + (T.Ticks / 4), "\n"), (opened + (T.Ticks / 2), "\n"), (opened + (T.Ticks * 3 / 4), "\n")]));
    }

    [TestCase("message")]
    [TestCase("acknowledgement")]
    public void Whatever_a_client_says_puts_its_keepalive_off(string what)
    {
        using var client = new LinkBench(Side.Client);
        client.Listen();
        var server = client.Serve();
        server.Say("\n");
        server.Take();
        for (var i = 0; i < 10; i++)
        {
            client.Advance((T / 4) - (2 * Tick));
            if (what == "message")
                client.Link.Write($"x{i}", ordering: Ordering.Concurrent).Subscribe();
            else
                server.Say($"{i + 1:x2}x\n");
            // The application is called a tick later.
            client.Advance(Tick);
            server.Say(what == "message" ? $"{i:x2}\n" : "\n");
        }

        Assert.That(server.Heard.Select(h => h.Packet), Has.None.EqualTo("\n").And.Count.EqualTo(10));
        client.Advance(T / 4);
        Assert.That(server.Heard[^1].Packet, Is.EqualTo("\n"));
    }

    [Test]
    public void A_client_says_keepalives_from_a_quarter_of_the_timeout_after_its_id_on()
    {
        using var client = new LinkBench(Side.Client);
        var server = client.Serve();
        client.Advance(T / 2);
        Assert.That(server.Heard, Is.EqualTo([(0, ProtocolDriver.Id + "\n"), (T.Ticks / 4, "\n"), (T.Ticks / 2, "\n")]));
        server.Say("\n");
        Assert.That(server.Heard[^1], Is.EqualTo((T.Ticks / 2, "\n")), "the answer to the server's first line");
        client.Advance((T / 4) - Tick);
        Assert.That(server.Heard, Has.Count.EqualTo(4));
        client.Advance(Tick);
        Assert.That(server.Heard, Has.Count.EqualTo(5));
    }

    /// <summary>
    /// The ancestor's server after a reset in which its keepalive failed: it says nothing until it has heard its
    /// client.
    /// </summary>
    [Test]
    public void A_server_that_waits_for_its_client_to_speak_is_spoken_to()
    {
        using var client = new LinkBench(Side.Client);
        var server = client.Serve();
        while (server.Heard.Count < 2)
            client.Advance(Tick * 1_000);
        server.Say("\n");
        Assert.That(client.Link.Current.IsUp, Is.True);
    }

    [TestCase(Side.Client)]
    [TestCase(Side.Server)]
    public void While_the_peer_does_not_read_keepalives_gather_at_no_other_rate(Side side)
    {
        using var end = new LinkBench(side);
        var peer = end.Serve(reads: false);
        for (var i = 0; i < 40; i++)
        {
            peer.Say("\n");
            end.Advance(T / 4);
        }

        Assert.That(end.State.Status, Is.EqualTo(LinkStatus.Up), "it says that it lives");
        Assert.That(((CountingScheduler)end.Scheduler).Scheduled, Is.LessThan(200));
    }

    [TestCase(Side.Client)]
    [TestCase(Side.Server)]
    public void After_an_outage_no_keepalive_is_said(Side side)
    {
        using var end = new LinkBench(side);
        var peer = end.Serve();
        peer.Say("\n");
        peer.Fin();
        peer.Take();
        end.Advance(10 * T);
        Assert.That(peer.Heard, Is.Empty);
    }

    [TestCase(Side.Client)]
    [TestCase(Side.Server)]
    public void Each_keepalive_heard_is_reported_as_a_heartbeat(Side side)
    {
        using var end = new LinkBench(side);
        var beats = 0;
        end.Link.Heartbeat.Subscribe(_ => beats++);
        var peer = end.Serve();
        for (var i = 0; i < 5; i++)
        {
            peer.Say("\n");
            end.Advance(Tick);
        }

        Assert.That((beats, end.Link.Counters.Heartbeats), Is.EqualTo((5, 5L)));
    }
}
