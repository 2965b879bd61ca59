using System.Reactive.Disposables;
using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Protocol.Linking;

/// <summary>How long a client waits between its attempts, and whose a connection is that comes too late.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BackOffTests
{
    private static readonly TimeSpan T = LinkBench.T;
    private static readonly TimeSpan Quiet = T * 5 / 4;

    private readonly ScriptedNetwork network = new();

    [Test]
    public void A_server_that_opens_and_dies_at_once_is_tried_ever_more_rarely()
    {
        using var client = new Running(network.StartClient(T));
        List<TimeSpan> pauses = [];
        for (var connection = 0; connection < 6; connection++)
            pauses.Add(OpenFor(TimeSpan.Zero));
        Assert.That(pauses, Is.EqualTo(new[] { 1, 2, 4, 8, 8, 8 }.Select(ms => Quiet + TimeSpan.FromMilliseconds(ms))));
    }

    [Test]
    public void A_link_that_was_up_for_a_timeout_is_healed_soon_again()
    {
        using var client = new Running(network.StartClient(T));
        OpenFor(TimeSpan.Zero);
        OpenFor(TimeSpan.Zero);
        Assert.That(OpenFor(T - LinkBench.Tick), Is.EqualTo(Quiet + TimeSpan.FromMilliseconds(4)), "not yet");
        Assert.That(OpenFor(T), Is.EqualTo(Quiet + TimeSpan.FromMilliseconds(1)), "it has lasted");
    }

    [Test]
    public void Attempts_that_fail_in_between_count_too()
    {
        using var client = new Running(network.StartClient(T));
        OpenFor(TimeSpan.Zero);
        network.Refuses = true;
        network.Server.Say("\n");
        network.Server.Fin();
        network.Scheduler.AdvanceBy((Quiet + TimeSpan.FromMilliseconds(2 + 4)).Ticks);
        network.Refuses = false;
        network.Scheduler.AdvanceBy(TimeSpan.FromMilliseconds(8).Ticks);
        Assert.That(OpenFor(TimeSpan.Zero), Is.EqualTo(Quiet + TimeSpan.FromMilliseconds(8)));
    }

    /// <summary>An operator that has timed out drops a late connection, and nothing would own it.</summary>
    [Test]
    public void A_connection_that_comes_in_the_moment_in_which_its_attempt_is_given_up_is_released([Values] bool byTime)
    {
        var late = new LateTransport();
        var scheduler = new TestScheduler();
        using var client = new Running(IotLinkClient.Start(new() { Host = "script", Id = ProtocolDriver.Id, Protocol = 1, Timeout = T, Transport = late, Scheduler = scheduler, DrainTimeout = TimeSpan.Zero }));
        if (byTime)
            scheduler.AdvanceBy(TimeSpan.FromSeconds(5).Ticks);
        else
            client.Dispose();
        Assert.That(late.Connections, Is.Not.Empty);
        Assert.That(late.Connections.Select(c => c.IsDisposed), Is.All.True);
    }

    [Test]
    public void A_transport_that_gives_nothing_or_two_harms_nothing()
    {
        var two = new List<ScriptedPeer>();
        var attempts = 0;
        var odd = new OddTransport(observer =>
        {
            if (++attempts == 1)
            {
                observer.OnCompleted();
                return;
            }

            two.AddRange([new ScriptedPeer(() => 0), new ScriptedPeer(() => 0)]);
            two.ForEach(observer.OnNext);
        });
        var scheduler = new TestScheduler();
        using var client = new Running(IotLinkClient.Start(new() { Host = "script", Id = ProtocolDriver.Id, Protocol = 1, Timeout = T, Transport = odd, Scheduler = scheduler }));
        scheduler.AdvanceBy(TimeSpan.FromSeconds(1).Ticks);
        Assert.That(attempts, Is.EqualTo(2));
        Assert.That(two.Select(c => c.IsDisposed), Is.EqualTo([false, true]));
    }

    /// <summary>
    /// The server opens, ends the connection after a while, and the client tries again: after how long.
    /// </summary>
    private TimeSpan OpenFor(TimeSpan up)
    {
        network.Server.Say("\n");
        for (var left = up; left > TimeSpan.Zero; left -= Min(left, T / 4))
        {
            network.Scheduler.AdvanceBy(Min(left, T / 4).Ticks);
            network.Server.Say("\n");
        }

        network.Server.Fin();
        var ended = network.Scheduler.Clock;
        var attempts = network.Attempts.Count;
        // To the very tick of the next attempt.
        for (var most = 100; network.Attempts.Count == attempts && most > 0; most--)
            network.Scheduler.AdvanceTo(ended + ((Quiet + TimeSpan.FromMilliseconds(101 - most)).Ticks));
        return TimeSpan.FromTicks(network.Attempts[^1] - ended);
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    /// <summary>Gives its connection just when it is not wanted any more.</summary>
    private sealed class LateTransport : ITransport
    {
        public List<ScriptedPeer> Connections { get; } = [];

        public IObservable<IConnection> Connect() => new Late(this);

        private sealed class Late(LateTransport transport) : IObservable<IConnection>
        {
            public IDisposable Subscribe(IObserver<IConnection> observer) => Disposable.Create(() =>
            {
                var connection = new ScriptedPeer(() => 0);
                transport.Connections.Add(connection);
                observer.OnNext(connection);
            });
        }
    }

    private sealed class OddTransport(Action<IObserver<IConnection>> connect) : ITransport, IObservable<IConnection>
    {
        public IObservable<IConnection> Connect() => this;

        public IDisposable Subscribe(IObserver<IConnection> observer)
        {
            connect(observer);
            return Disposable.Empty;
        }
    }

    /// <summary>A client that is closed without waiting for what it wrote.</summary>
    private sealed class Running(IotLinkClient client) : IDisposable
    {
        public void Dispose()
        {
            using var now = new CancellationTokenSource();
            now.Cancel();
            _ = client.CloseAsync(now.Token);
        }
    }
}
