using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using static Rx.IotLink.Tests.Protocol.Linking.LinkBench;

namespace Rx.IotLink.Tests.Protocol.Linking;

/// <summary>When a silent connection is given up: only what is received counts.</summary>
public sealed class SilenceTests
{
    private static readonly (LinkStatus, OutageReason?) Up = (LinkStatus.Up, null);
    private static readonly (LinkStatus, OutageReason?) Silent = (LinkStatus.Down, OutageReason.Silence);
    private static readonly (LinkStatus, OutageReason?) NotUpYet = (LinkStatus.Connecting, null);

    [TestCase(2_000)]
    [TestCase(500)]
    [TestCase(100)]
    public void A_server_closes_after_T_of_silence_and_not_a_tick_earlier(int milliseconds)
    {
        var t = TimeSpan.FromMilliseconds(milliseconds);
        using var server = new LinkBench(Side.Server, t);
        var client = server.Serve();
        server.Advance(t - Tick);
        Assert.That(server.State, Is.EqualTo(Up));
        server.Advance(Tick);
        Assert.That(server.State, Is.EqualTo(Silent));
        Assert.That((client.IsEnded, client.IsDisposed), Is.EqualTo((true, true)), "with FIN");
    }

    [Test]
    public void A_client_closes_after_2_T_without_a_first_line()
    {
        using var client = new LinkBench(Side.Client);
        var server = client.Serve();
        client.Advance((2 * T) - Tick);
        Assert.That(client.State, Is.EqualTo(NotUpYet));
        Assert.That(server.IsEnded, Is.False);
        client.Advance(Tick);
        Assert.That(server.IsEnded, Is.True);
        Assert.That(client.State, Is.EqualTo(NotUpYet), "a connection that never opened is no outage of the link");
    }

    [Test]
    public void A_client_closes_after_T_of_silence_once_it_has_heard_a_line()
    {
        using var client = new LinkBench(Side.Client);
        var server = client.Serve();
        client.Advance(T * 3 / 2);
        server.Say("\n");
        client.Advance(T - Tick);
        Assert.That(client.State, Is.EqualTo(Up));
        client.Advance(Tick);
        Assert.That(client.State, Is.EqualTo(Silent));
        Assert.That(server.IsEnded, Is.True);
    }

    [Test]
    public void Half_a_line_is_heard_but_does_not_shorten_the_clients_2_T()
    {
        using var client = new LinkBench(Side.Client);
        var server = client.Serve();
        client.Advance(T);
        server.Say("00hel");
        client.Advance((2 * T) - Tick);
        Assert.That(server.IsEnded, Is.False);
        client.Advance(Tick);
        Assert.That(server.IsEnded, Is.True);
    }

    [TestCase(Side.Client)]
    [TestCase(Side.Server)]
    public void The_2_T_or_T_begin_anew_on_each_connection(Side side)
    {
        using var end = new LinkBench(side);
        var first = end.Serve();
        first.Say("\n");
        first.Fin();
        end.Advance(10 * T);
        var second = end.Serve();
        var limit = side == Side.Client ? 2 * T : T;
        end.Advance(limit - Tick);
        Assert.That(second.IsEnded, Is.False);
        end.Advance(Tick);
        Assert.That(second.IsEnded, Is.True);
    }

    [TestCase(Side.Client, "\n")]
    [TestCase(Side.Client, "0")]
    [TestCase(Side.Client, "00x\n")]
    [TestCase(Side.Client, "00\n")]
    [TestCase(Side.Server, "\n")]
    [TestCase(Side.Server, "0")]
    [TestCase(Side.Server, "00x\n")]
    [TestCase(Side.Server, "00\n")]
    public void Any_byte_received_counts(Side side, string bytes)
    {
        using var end = new LinkBench(side);
        var peer = end.Serve();
        peer.Say("\n");
        end.Advance(T - Tick);
        peer.Say(bytes);
        end.Advance(T - Tick);
        Assert.That(end.State, Is.EqualTo(Up));
        end.Advance(Tick);
        Assert.That(end.State, Is.EqualTo(Silent));
    }

    [TestCase(Side.Client)]
    [TestCase(Side.Server)]
    public void What_is_sent_does_not_count(Side side)
    {
        using var end = new LinkBench(side);
        var peer = end.Serve();
        peer.Say("\n");
        for (var i = 0; i < 7; i++)
        {
            end.Advance(T / 8);
            end.Link.Writer.OnNext($"x{i}");
        }

        end.Advance((T / 8) - Tick);
        Assert.That(end.State, Is.EqualTo(Up));
        end.Advance(Tick);
        Assert.That(end.State, Is.EqualTo(Silent));
    }

    [TestCase(Side.Client)]
    [TestCase(Side.Server)]
    public void A_peer_that_says_something_every_T_keeps_the_link_up_for_ever(Side side)
    {
        using var end = new LinkBench(side);
        var peer = end.Serve();
        for (var i = 0; i < 1_000; i++)
        {
            peer.Say("\n");
            end.Advance(T - Tick);
        }

        Assert.That(end.State, Is.EqualTo(Up));
        Assert.That(((CountingScheduler)end.Scheduler).Scheduled, Is.LessThan(20_000), "what is received costs no timer of its own");
    }

    [TestCase(Side.Client)]
    [TestCase(Side.Server)]
    public void The_end_of_the_stream_is_an_outage_at_once(Side side)
    {
        using var end = new LinkBench(side);
        var peer = end.Serve();
        peer.Say("\n");
        peer.Fin();
        Assert.That(end.State, Is.EqualTo((LinkStatus.Down, (OutageReason?)OutageReason.ClosedByPeer)));
        Assert.That(peer.IsEnded, Is.True);
    }

    [TestCase(Side.Client)]
    [TestCase(Side.Server)]
    public void A_reset_is_an_outage_at_once(Side side)
    {
        using var end = new LinkBench(side);
        var peer = end.Serve();
        peer.Say("\n");
        peer.Reset();
        Assert.That(end.State, Is.EqualTo((LinkStatus.Down, (OutageReason?)OutageReason.ConnectionLost)));
        Assert.That(peer.IsDisposed, Is.True);
    }
}
