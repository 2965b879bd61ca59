using System.Reactive.Linq;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Protocol.Linking;

/// <summary>
/// A server that does what micropython-iot's does after a keepalive that could not be sent: on the next connections it
/// says nothing until its client has spoken, and then, a moment later, all it has to say.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class WaitingServerTests
{
    private static readonly TimeSpan T = LinkBench.T;

    private readonly ScriptedNetwork network = new();
    private readonly List<string> received = [];

    [TestCase(500)]
    [TestCase(2_000)]
    public void A_client_is_up_again_after_a_reset_though_the_server_waits_for_it_to_speak(int milliseconds)
    {
        var timeout = TimeSpan.FromMilliseconds(milliseconds);
        var client = network.StartClient(timeout);
        client.Lines.Subscribe(received.Add);
        network.Server.Say("\n");
        client.Write("x").Subscribe();
        network.Server.Reset();
        network.Scheduler.AdvanceBy((2 * timeout).Ticks);
        Assert.That(network.Attempts, Has.Count.EqualTo(2));

        Assert.That(PlayWaiting(2 * timeout), Is.True, "it was spoken to");
        Assert.That(client.State.FirstAsync().Wait().IsUp, Is.True);
        Assert.That(network.Server.Heard.Select(h => h.Packet), Does.Contain("00x\n"), "what was written goes on");
        Assert.That(received, Is.EqualTo(["held"]));
        Assert.That(network.Attempts, Has.Count.EqualTo(2), "the first attempt heals it");
    }

    /// <summary>Within T of the server's first line it must hear something, or it closes.</summary>
    [Test]
    public void What_is_said_after_the_servers_first_line_comes_within_T()
    {
        using var bench = new LinkBench(Driving.Side.Client);
        var server = bench.Serve();
        bench.Advance(T / 4);
        Assert.That(server.Take(), Is.EqualTo(["qos\n", "\n"]));
        bench.Advance(TimeSpan.FromMilliseconds(200));
        server.Say("\n");
        Assert.That(server.Take(), Is.EqualTo(["\n"]), "at once");
    }

    /// <summary>
    /// The server's end of the newest connection, until it has spoken. False: nobody spoke to it in time.
    /// </summary>
    private bool PlayWaiting(TimeSpan patience)
    {
        var server = network.Server;
        for (var time = TimeSpan.Zero; time < patience; time += TimeSpan.FromMilliseconds(10))
        {
            network.Scheduler.AdvanceBy(TimeSpan.FromMilliseconds(10).Ticks);
            if (server.Heard.Count < 2)
                continue;
            // The ancestor polls its sockets, and lets 200 ms pass.
            network.Scheduler.AdvanceBy(TimeSpan.FromMilliseconds(250).Ticks);
            server.Say("\n00held\n");
            network.Scheduler.AdvanceBy(1);
            return true;
        }

        return false;
    }
}
