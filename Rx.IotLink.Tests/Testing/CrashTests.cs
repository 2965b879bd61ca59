using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Testing;

/// <summary>Processes that crash and start again, with their memory or without.</summary>
public sealed class CrashTests
{
    private readonly List<string> received = [];
    private SimulatedNetwork network = null!;
    private SimulatedServer server = null!;
    private SimulatedDevice pump = null!;
    private readonly List<LinkNoticeKind> notices = [];
    private int lives;

    [SetUp]
    public void Start()
    {
        received.Clear();
        notices.Clear();
        lives = 0;
        network = SimulatedNetwork.On(new TestScheduler());
        server = network.AddServer(app: (process, _) => process.Links.SelectMany(l => l.Lines).Subscribe(received.Add));
        pump = network.AddDevice("pump-1", server, app: (link, clock) =>
        {
            lives++;
            link.Notices.Subscribe(n => notices.Add(n.Kind));
            Observable.Interval(1.s(), clock).Subscribe(_ => link.Write($"life {lives}", Delivery.BestEffort).Subscribe());
        });
        network.RunFor(1.5.s());
    }

    [TearDown]
    public void End() => network.Dispose();

    [Test]
    public void A_process_that_is_killed_does_nothing_more_and_its_peer_learns_it_at_once()
    {
        var states = network.Record(server.Link("pump-1").State);
        pump.Crashes(at: 5.2.s(), lasting: 10.s());

        network.RunTo(15.1.s());
        Assert.That(received, Is.EqualTo(Enumerable.Repeat("life 1", 5)));
        Assert.That(pump.IsRunning, Is.False);
        Assert.That(pump.PendingTimers, Is.Zero);
        Assert.That(states.Moments[^1].At, Is.EqualTo(5.2.s()).Within(10.ms()));
        Assert.That(states.Values[^1].Outage!.Reason, Is.EqualTo(OutageReason.ConnectionLost), "a reset");

        network.RunTo(17.s());
        Assert.That(received.Skip(5), Is.EqualTo(["life 2"]), "the next process has the application made anew");
        Assert.That((pump.Starts, lives), Is.EqualTo((2, 2)));
    }

    [Test]
    public void A_machine_that_loses_its_power_informs_nobody()
    {
        var states = network.Record(server.Link("pump-1").State);
        pump.Crashes(at: 5.2.s(), lasting: 10.s(), how: CrashKind.PowerLost);

        network.RunTo(12.s());

        Assert.That(states.Values[^1].Outage!.Reason, Is.EqualTo(OutageReason.Silence));
        Assert.That(states.Moments[^1].At, Is.InRange(6.7.s(), 7.21.s()), "2 s after the last keepalive");
    }

    [Test]
    public void A_machine_that_is_back_before_its_silence_was_noticed_resets_what_comes_for_its_old_process()
    {
        var states = network.Record(server.Link("pump-1").State);
        pump.Path.Stalls(at: 5.s(), lasting: 500.ms());
        pump.Crashes(at: 5.2.s(), lasting: 100.ms(), how: CrashKind.PowerLost);

        network.RunTo(8.s());

        Assert.That(states.Values.Count(s => s.Status == LinkStatus.Down), Is.EqualTo(1));
        Assert.That(states.Values[^1].IsUp);
        Assert.That(states.Moments.First(m => m.Value.Status == LinkStatus.Down).At, Is.LessThan(6.7.s()), "sooner than by silence");
    }

    [Test]
    public void A_process_that_stops_says_farewell()
    {
        var states = network.Record(server.Link("pump-1").State);
        pump.Crashes(at: 5.2.s(), lasting: 1.s(), how: CrashKind.Stopped);

        network.RunTo(6.s());

        Assert.That(states.Values[^1].Outage!.Reason, Is.EqualTo(OutageReason.PeerLeft));
    }

    [TestCase(MemoryAfterCrash.Kept, true)]
    [TestCase(MemoryAfterCrash.Lost, false)]
    public void What_waited_to_be_accepted_outlives_a_crash_with_the_memory(MemoryAfterCrash memory, bool arrives)
    {
        pump.Path.Stalls(at: 3.s(), lasting: 2.s());
        network.RunTo(3.5.s());
        pump.Link.Write("open the valve").Subscribe();
        pump.Crashes(at: 4.s(), lasting: 2.s(), memory);

        network.RunTo(20.s());

        Assert.That(received.Count(l => l == "open the valve"), Is.EqualTo(arrives ? 1 : 0));
    }

    [Test]
    public void A_memory_that_was_rolled_back_is_noticed_and_reported()
    {
        foreach (var line in (string[])["1", "2"])
            pump.Link.Write(line).Subscribe();
        pump.Crashes(at: 3.s(), lasting: 1.s(), MemoryAfterCrash.Kept);
        network.RunTo(6.s());
        pump.Link.Write("3").Subscribe();
        pump.Link.Write("4").Subscribe();
        pump.Crashes(at: 8.s(), lasting: 1.s(), MemoryAfterCrash.RolledBack);
        network.RunTo(9.5.s());

        pump.Link.Write("5").Subscribe();
        network.RunTo(20.s());

        Assert.That(notices, Has.Member(LinkNoticeKind.MemoryRolledBack));
        Assert.That(received.Where(l => l.Length == 1), Is.EqualTo(["1", "2", "3", "4", "5"]));
    }

    [Test]
    public void A_server_that_crashes_is_found_again_by_its_devices()
    {
        server.Crashes(at: 5.s(), lasting: 3.s());
        network.RunTo(6.s());
        Assert.That(pump.Link.State.FirstAsync().Wait().Status, Is.EqualTo(LinkStatus.Down));
        Assert.That(() => server.Link("pump-9"), Throws.InvalidOperationException);

        network.RunTo(30.s());

        Assert.That(pump.Link.State.FirstAsync().Wait().IsUp);
        Assert.That(server.Starts, Is.EqualTo(2));
        Assert.That(server.Link("pump-1").State.FirstAsync().Wait().Connections, Is.EqualTo(1), "a new process, a new link");
    }

    [Test]
    public void Crashes_that_overlap_end_with_the_last()
    {
        pump.Crashes(at: 3.s(), lasting: 5.s());
        pump.Crashes(at: 4.s(), lasting: 10.s());

        network.RunTo(13.9.s());
        Assert.That(pump.IsRunning, Is.False);
        network.RunTo(14.1.s());
        Assert.That((pump.IsRunning, pump.Starts), Is.EqualTo((true, 2)));
    }
}
