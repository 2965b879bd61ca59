using System.Reactive.Linq;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Protocol.Linking;

/// <summary>
/// What a client does after an outage: it is silent until the server must have noticed it too, and then tries for ever.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class QuietTimeTests
{
    private static readonly TimeSpan T = LinkBench.T;
    private static readonly TimeSpan BackOff = TimeSpan.FromMilliseconds(1);

    private readonly ScriptedNetwork network = new();

    [TestCase(4_000, 5_000)]
    [TestCase(2_000, 2_500)]
    [TestCase(500, 750)]
    [TestCase(100, 350)]
    public void After_an_outage_a_client_is_silent_for_T_and_a_quarter_of_T_or_250_ms_at_least(int timeout, int quiet)
    {
        using var client = Start(TimeSpan.FromMilliseconds(timeout));
        network.Server.Say("\n");
        network.Scheduler.AdvanceBy(TimeSpan.FromMilliseconds(timeout / 2).Ticks);
        network.Server.Fin();
        var outage = network.Scheduler.Clock;
        network.Scheduler.AdvanceBy(TimeSpan.FromMilliseconds(quiet).Ticks + BackOff.Ticks - 1);
        Assert.That(network.Attempts, Has.Count.EqualTo(1));
        network.Scheduler.AdvanceBy(1);
        Assert.That(network.Attempts, Is.EqualTo([0L, outage + TimeSpan.FromMilliseconds(quiet).Ticks + BackOff.Ticks]));
    }

    [Test]
    public void After_a_silence_it_is_silent_as_long()
    {
        using var client = Start(T);
        network.Server.Say("\n");
        network.Scheduler.AdvanceBy((T * 9 / 4).Ticks + BackOff.Ticks - 1);
        Assert.That(network.Attempts, Has.Count.EqualTo(1));
        network.Scheduler.AdvanceBy(1);
        Assert.That(network.Attempts, Has.Count.EqualTo(2), "T of silence, 5/4 T of quiet");
    }

    [Test]
    public void The_old_connection_is_ended_at_once_and_nothing_is_said_on_it_meanwhile()
    {
        using var client = Start(T);
        network.Server.Say("\n00hel");
        network.Server.Fin();
        var old = network.Server;
        Assert.That((old.IsEnded, old.IsDisposed), Is.EqualTo((true, true)));
        old.Take();
        client.Link.Write("x").Subscribe();
        network.Scheduler.AdvanceBy(T.Ticks);
        Assert.That(old.Heard, Is.Empty);
    }

    /// <summary>
    /// It has said its id: the server may have taken it, and may have got to it late, since it greets one client after
    /// the other.
    /// </summary>
    [TestCase(2_000, 4_000)]
    [TestCase(500, 1_000)]
    [TestCase(100, 350)]
    public void After_an_attempt_that_failed_in_the_greeting_a_client_is_silent_for_2_T(int timeout, int quiet)
    {
        using var client = Start(TimeSpan.FromMilliseconds(timeout));
        network.Server.Fin();
        var ended = network.Scheduler.Clock;
        network.Scheduler.AdvanceBy(TimeSpan.FromMilliseconds(quiet).Ticks + BackOff.Ticks - 1);
        Assert.That(network.Attempts, Has.Count.EqualTo(1));
        network.Scheduler.AdvanceBy(1);
        Assert.That(network.Attempts, Is.EqualTo([0L, ended + TimeSpan.FromMilliseconds(quiet).Ticks + BackOff.Ticks]));
    }

    [Test]
    public void Each_attempt_that_fails_in_the_greeting_is_followed_by_2_T_and_the_back_off()
    {
        using var client = Start(T);
        network.Server.Say("\n");
        network.Server.Reset();
        // The quiet time after an outage, then 2 T in which the server says nothing, then 2 T of quiet; the back-off is
        // 1, 2, 4, 8 ms, since a link that is up for a moment does not begin it anew.
        network.Scheduler.AdvanceBy((T * 14).Ticks);
        var ms = TimeSpan.TicksPerMillisecond;
        var first = (T * 5 / 4).Ticks + ms;
        var round = (4 * T).Ticks;
        Assert.That(network.Attempts, Is.EqualTo([0L, first, first + round + (2 * ms), first + (2 * round) + (6 * ms), first + (3 * round) + (14 * ms)]));
    }

    [Test]
    public void After_an_attempt_that_did_not_reach_the_server_there_is_only_the_back_off()
    {
        using var client = Start(T);
        network.Server.Fin();
        network.Refuses = true;
        network.Scheduler.AdvanceBy((2 * T).Ticks + BackOff.Ticks);
        Assert.That(network.Attempts, Has.Count.EqualTo(2));
        network.Scheduler.AdvanceBy(2 * BackOff.Ticks);
        Assert.That(network.Attempts, Has.Count.EqualTo(3));
    }

    [Test]
    public void A_client_whose_very_first_connection_is_refused_tries_for_ever_unlike_the_ancestor()
    {
        network.Refuses = true;
        using var client = Start(T);
        network.Scheduler.AdvanceBy(TimeSpan.FromSeconds(10).Ticks);
        Assert.That(network.Attempts, Has.Count.GreaterThan(1_000));
        network.Refuses = false;
        network.Scheduler.AdvanceBy(TimeSpan.FromMilliseconds(8).Ticks);
        network.Server.Say("\n");
        Assert.That(client.Status, Is.EqualTo(LinkStatus.Up));
    }

    [Test]
    public void A_client_whose_very_first_connection_is_refused_gives_up_when_set_to_do_as_the_ancestor()
    {
        network.Refuses = true;
        using var client = Start(T, FirstConnection.Fail);
        network.Scheduler.AdvanceBy(TimeSpan.FromSeconds(10).Ticks);
        Assert.That(network.Attempts, Has.Count.EqualTo(1));
        Assert.That(client.Status, Is.EqualTo(LinkStatus.Refused));
    }

    [Test]
    public void Once_it_was_up_it_tries_for_ever_even_when_set_to_give_up_at_first()
    {
        using var client = Start(T, FirstConnection.Fail);
        network.Server.Say("\n");
        network.Server.Fin();
        network.Refuses = true;
        network.Scheduler.AdvanceBy(TimeSpan.FromSeconds(10).Ticks);
        Assert.That(network.Attempts, Has.Count.GreaterThan(100));
        Assert.That(client.Status, Is.EqualTo(LinkStatus.Down));
    }

    [Test]
    public void Each_connection_begins_with_the_id_and_repeats_what_was_not_acknowledged()
    {
        using var client = Start(T);
        client.Link.Write("x").Subscribe();
        network.Server.Say("\n");
        Assert.That(network.Server.Take(), Is.EqualTo(["qos\n", "\n", "00x\n"]));
        network.Server.Reset();
        network.Scheduler.AdvanceBy((T * 5 / 4).Ticks + BackOff.Ticks);
        Assert.That(network.Server.Take(), Is.EqualTo(["qos\n"]));
        network.Server.Say("\n");
        Assert.That(network.Server.Take(), Is.EqualTo(["\n", "00x\n"]));
    }

    private Running Start(TimeSpan timeout, FirstConnection firstConnection = FirstConnection.KeepTrying) => new(network.StartClient(timeout, firstConnection));

    /// <summary>A client that is closed without waiting for what it wrote.</summary>
    private sealed class Running(IotLinkClient client) : IDisposable
    {
        public IotLinkClient Link => client;

        public LinkStatus Status => client.State.FirstAsync().Wait().Status;

        public void Dispose()
        {
            using var now = new CancellationTokenSource();
            now.Cancel();
            _ = client.CloseAsync(now.Token);
        }
    }
}
