using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Testing;

/// <summary>
/// A simulated network does the planned faults, on any virtual clock, and reports invalid ones.
/// </summary>
public sealed class SimulatedNetworkTests
{
    private static readonly PathConditions At10Milliseconds = new() { Latency = 10.ms() };

    [Test]
    public void A_scenario_reads_as_it_is_said()
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer();
        var pump = network.AddDevice("pump-1", server);
        network.Between("pump-1", server).Stalls(at: 10.s(), lasting: 25.s());
        var states = network.Record(pump.Link.State.Select(s => s.Status));

        network.RunFor(1.min());

        // Found within 2 s; then attempts to connect wait for the stall's end.
        Assert.That(states.Marbles(5.s(), Symbol), Is.EqualTo("(CU)-D----U----"));
        Assert.That(states.Values, Is.EqualTo([LinkStatus.Connecting, LinkStatus.Up, LinkStatus.Down, LinkStatus.Up]));
        Assert.That(states.Moments[2].At, Is.EqualTo(12.s()).Within(500.ms()), "a keepalive was heard up to half a second before the stall");
        Assert.That(states.Moments[3].At, Is.EqualTo(35.s()).Within(10.s()));
    }

    [Test]
    public void Any_virtual_clock_will_do()
    {
        static IReadOnlyList<string> Live<TAbsolute, TRelative>(VirtualTimeSchedulerBase<TAbsolute, TRelative> clock)
            where TAbsolute : IComparable<TAbsolute>
        {
            using var network = SimulatedNetwork.On(clock, seed: 5, At10Milliseconds with { Jitter = 7.ms() });
            var received = new List<string>();
            var server = network.AddServer(app: (process, _) => process.Links.SelectMany(l => l.Lines).Subscribe(received.Add));
            var pump = network.AddDevice("pump-1", server);
            pump.Path.Kills(at: 1.s(), reset: true);
            pump.Link.Write("1").Concat(pump.Link.Write("2")).Subscribe();
            network.RunFor(10.s());
            Assert.That(network.Now, Is.EqualTo(10.s()));
            return received;
        }

        Assert.Multiple(() =>
        {
            Assert.That(Live(new TestScheduler()), Is.EqualTo(["1", "2"]));
            Assert.That(Live(new HistoricalScheduler(new DateTimeOffset(2026, 11, 20, 8, 0, 0, TimeSpan.Zero))), Is.EqualTo(["1", "2"]));
            Assert.That(Live(new MillisecondScheduler()), Is.EqualTo(["1", "2"]));
        });
    }

    [Test]
    public void Latency_is_what_a_line_and_its_acceptance_take()
    {
        using var link = new OneDevice(At10Milliseconds);
        var received = link.Network.Record(link.AtServer);
        var accepted = link.Network.Record(link.Device.Link.Write("1"));

        link.Network.RunFor(1.s());

        Assert.That((received.Moments[0].At - link.Began).TotalMilliseconds, Is.EqualTo(10).Within(0.01));
        Assert.That((accepted.Moments[0].At - link.Began).TotalMilliseconds, Is.EqualTo(20).Within(0.01));
    }

    [Test]
    public void A_delay_makes_it_longer_for_as_long_as_it_lasts()
    {
        using var link = new OneDevice(At10Milliseconds);
        link.Device.Path.Delays(at: link.Began, lasting: 500.ms(), by: 300.ms());

        Assert.That(link.TimeOf("slow", after: 1.ms()), Is.EqualTo(310).Within(0.01));
        link.Network.RunTo(link.Began + 1.s());
        Assert.That(link.TimeOf("fast"), Is.EqualTo(10).Within(0.01));
    }

    [Test]
    public void A_throttle_lets_so_many_bytes_a_second_through()
    {
        using var link = new OneDevice(At10Milliseconds);
        link.Device.Path.Throttles(at: link.Began, lasting: 20.s(), bytesPerSecond: 1_000);

        // With what protocol 2 puts around it, 506 bytes.
        Assert.That(link.TimeOf(new string('x', 500), after: 1.ms()), Is.EqualTo(516).Within(20));
    }

    [Test]
    public void A_stall_one_way_is_found_by_the_end_that_hears_nothing()
    {
        using var link = new OneDevice(At10Milliseconds);
        var device = link.Network.Record(link.Device.Link.State);
        var server = link.Network.Record(link.Server.Link("pump-1").State);
        link.Device.Path.Stalls(at: 2.s(), lasting: 30.s(), StallDirection.Down);

        link.Network.RunFor(5.s());

        var down = device.Moments.First(m => m.Value.Status == LinkStatus.Down);
        Assert.That(down.Value.Outage!.Reason, Is.EqualTo(OutageReason.Silence));
        Assert.That(down.At, Is.InRange(3.5.s(), 4.01.s()), "2 s after what was heard last");
        Assert.That(server.Values[^1].Outage!.Reason, Is.EqualTo(OutageReason.ClosedByPeer), "the way up is open: the server learns it at once");
        Assert.That(server.Moments[^1].At - down.At, Is.LessThan(20.ms()));
    }

    [Test]
    public void A_kill_loses_what_is_on_its_way_or_not([Values] bool losesTail)
    {
        using var link = new OneDevice(new PathConditions { Latency = 100.ms() });
        var received = link.Network.Record(link.AtServer);
        link.Device.Link.Write("best", Delivery.BestEffort).Subscribe();
        link.Device.Path.Kills(at: link.Began + 50.ms(), losesTail: losesTail);

        link.Network.RunFor(5.s());

        Assert.That(received.Values, Is.EqualTo(losesTail ? Array.Empty<string>() : ["best"]));
    }

    [Test]
    public void Refused_connections_learn_it()
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer();
        var path = network.AddPath("pump-1", server);
        path.Refuses(at: 0.s(), lasting: 1.s());
        network.RunFor(10.ms());

        var refused = network.Record(path.Connect());
        network.RunFor(1.s());
        var made = network.Record(path.Connect());
        network.RunFor(1.s());

        Assert.That(refused.Error, Is.InstanceOf<IOException>().With.Message.Contains("server refuses"));
        Assert.That(made.Values, Has.Count.EqualTo(1));
        Assert.That(path.Attempts, Is.EqualTo([10.ms(), 1_010.ms()]));
    }

    [Test]
    public void Connections_open_as_slowly_as_the_path_says()
    {
        using var network = SimulatedNetwork.On(new TestScheduler(), conditions: At10Milliseconds);
        var path = network.AddPath("pump-1", network.AddServer());
        path.OpensSlowly(at: 0.s(), lasting: 1.min(), by: 3.s());
        network.RunFor(1.ms());

        var made = network.Record(path.Connect());
        network.RunFor(10.s());

        Assert.That(made.Moments.Single().At, Is.EqualTo(3_021.ms()).Within(1.ms()));
    }

    [Test]
    public void An_access_point_takes_its_devices_down_together_and_no_other()
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer();
        SimulatedDevice[] barn = [network.AddDevice("pump-1", server), network.AddDevice("pump-2", server)];
        var house = network.AddDevice("heater", server);
        network.AddAccessPoint("barn", barn).GoesDown(at: 10.s(), lasting: 10.s());

        network.RunFor(15.s());
        Assert.That(barn.Select(d => d.Link.Counters.Outages), Is.All.EqualTo(1));
        Assert.That(house.Link.Counters.Outages, Is.Zero);

        network.RunFor(30.s());
        Assert.That(network.Devices.Select(d => d.Link.State.FirstAsync().Wait().IsUp), Is.All.True);
    }

    [Test]
    public void A_clock_that_is_too_fast_gives_up_sooner([Values(-50_000, 0, 50_000)] int drift)
    {
        using var network = SimulatedNetwork.On(new TestScheduler(), conditions: new PathConditions { Latency = TimeSpan.Zero });
        var server = network.AddServer();
        var pump = network.AddDevice("pump-1", server, o => o with { Timeout = 2.s() }, driftPartsPerMillion: drift);
        network.RunFor(1.s());
        var keepalives = network.Record(pump.Link.Heartbeat);
        var states = network.Record(pump.Link.State);
        pump.Path.Stalls(at: 10.s(), lasting: 1.min());
        network.RunFor(30.s());

        var silence = states.Moments.First(m => m.Value.Status == LinkStatus.Down).At - keepalives.Moments[^1].At;
        Assert.That(silence.TotalSeconds, Is.EqualTo(2 / (1 + (drift / 1e6))).Within(1e-5));
    }

    [Test]
    public void The_same_seed_is_the_same_network_and_another_is_another()
    {
        static string Live(int seed)
        {
            using var network = SimulatedNetwork.On(new TestScheduler(), seed, new PathConditions { Jitter = 50.ms(), SliceBytes = 3 });
            var server = network.AddServer();
            var moments = Enumerable.Range(1, 3).Select(n => network.Record(network.AddDevice($"pump-{n}", server).Link.Heartbeat)).ToList();
            network.Servers.Single().Kills(at: 3.s());
            network.RunFor(20.s());
            return string.Join(' ', moments.SelectMany(m => m.Moments).Select(m => m.At.Ticks));
        }

        var (first, second) = (Live(1), Live(1));
        Assert.That(second, Is.EqualTo(first));
        Assert.That(Live(2), Is.Not.EqualTo(first));
    }

    [Test]
    public void What_coalesces_arrives_at_the_multiples_of_its_time_and_then_as_it_comes_again()
    {
        var clock = new TestScheduler();
        using var network = SimulatedNetwork.On(clock, conditions: new PathConditions { Latency = 5.ms() });
        var server = network.AddServer();
        var pump = network.AddDevice("pump-1", server);
        network.RunFor(1.s());
        var lines = network.Record(server.Link("pump-1").Lines);
        pump.Path.Coalesces(at: 2.s(), lasting: 1.s(), within: 100.ms());
        using var writing = Observable.Interval(30.ms(), clock).Take(100).Subscribe(n => pump.Link.Write($"{n}").Subscribe());

        network.RunFor(5.s());

        bool IsOnTheGrid(TimeSpan at) => at.Ticks % 100.ms().Ticks < 10;
        Assert.That(lines.Values, Is.EqualTo(Enumerable.Range(0, 100).Select(n => $"{n}")));
        var during = lines.Moments.Where(m => m.At > 2.1.s() && m.At < 3.s()).ToList();
        Assert.That(during, Has.Count.GreaterThan(20));
        Assert.That(during.Select(m => IsOnTheGrid(m.At)), Is.All.True);
        Assert.That(lines.Moments.Where(m => m.At > 3.1.s()).Count(m => IsOnTheGrid(m.At)), Is.LessThan(5));
    }

    [Test]
    public void A_stream_of_faults_happens_as_it_comes()
    {
        var clock = new TestScheduler();
        using var network = SimulatedNetwork.On(clock);
        var pump = network.AddDevice("pump-1", network.AddServer());

        network.Play(Observable.Interval(10.s(), clock).Take(3).Select(_ => Fault.Kill("pump-1", at: TimeSpan.Zero)));
        network.Play(from n in Enumerable.Range(4, 2) select Fault.Kill("pump-1", at: n * 10.s(), reset: true));
        network.RunFor(1.min());

        Assert.That(pump.Link.Counters.Outages, Is.EqualTo(5));
        Assert.That(network.Faults.Select(f => f.At.TotalSeconds), Is.EqualTo(new double[] { 10, 20, 30, 40, 50 }).Within(0.001));
    }

    [Test]
    public void Nothing_is_left_over_at_the_end()
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer();
        network.AddDevice("pump-1", server);
        network.AddDevice("pump-2", server).Path.Stalls(at: 5.s(), lasting: 1.h());
        network.RunFor(30.s());

        Assert.That(network.CloseAndFindLeaks(), Is.Empty);
    }

    [Test]
    public void What_is_left_over_is_found()
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer();
        network.AddDevice("pump-1", server, app: (_, clock) => Observable.Interval(1.s(), clock).Subscribe());
        network.AddPath("by hand", server).Connect().Subscribe();
        network.RunFor(30.s());

        Assert.That(network.CloseAndFindLeaks(), Is.EqualTo(["pump-1: 1 timers", "by hand: 1 connections"]));
    }

    [Test]
    public void Nonsense_is_refused_as_such()
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer();
        var pump = network.AddDevice("pump-1", server);
        network.AddAccessPoint("barn", pump);
        network.RunFor(1.s());

        Assert.Multiple(() =>
        {
            Assert.That(() => network.Play([Fault.Kill("pump-9", 5.s())]), Throws.ArgumentException.With.Message.Contains("there is no pump-9"));
            Assert.That(() => pump.Path.Kills(at: 1.ms()), Throws.ArgumentException.With.Message.Contains("in the past"));
            Assert.That(() => network.AddDevice("pump-1", server), Throws.ArgumentException.With.Message.Contains("pump-1"));
            Assert.That(() => network.Between("pump-9", server), Throws.ArgumentException.With.Message.Contains("no path between pump-9 and server"));
            Assert.That(() => network.Play([Fault.Crash("barn", 5.s(), 1.s())]), Throws.ArgumentException.With.Message.Contains("only a device or a server can crash"));
            Assert.That(() => Fault.Throttle("pump-1", 1.s(), 1.s(), bytesPerSecond: 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(() => Fault.Coalesce("pump-1", 1.s(), 1.s(), within: TimeSpan.Zero), Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(() => SimulatedNetwork.On(new TestScheduler(), conditions: new PathConditions { Latency = -1.ms() }), Throws.ArgumentException.With.Message.Contains("Latency"));
            Assert.That(() => network.AddDevice("drifter", server, driftPartsPerMillion: 200_000), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("100,000"));
        });
    }

    private static char Symbol(LinkStatus status) => status.ToString()[0];

    /// <summary>A device that is up.</summary>
    private sealed class OneDevice : IDisposable
    {
        public OneDevice(PathConditions conditions)
        {
            Network = SimulatedNetwork.On(new TestScheduler(), conditions: conditions);
            Server = Network.AddServer();
            Device = Network.AddDevice("pump-1", Server);
            Network.RunFor(1.s());
        }

        public SimulatedNetwork Network { get; }

        public SimulatedServer Server { get; }

        public SimulatedDevice Device { get; }

        public TimeSpan Began { get; } = 1.s();

        public IObservable<string> AtServer => Server.Link("pump-1").Lines;

        /// <summary>How long a line takes to the server, in milliseconds.</summary>
        public double TimeOf(string line, TimeSpan after = default)
        {
            Network.RunFor(after);
            var written = Network.Now;
            using var received = Network.Record(AtServer.Where(l => l == line));
            Device.Link.Write(line).Subscribe();
            Network.RunFor(900.ms());
            return (received.Moments.Single().At - written).TotalMilliseconds;
        }

        public void Dispose() => Network.Dispose();
    }

    /// <summary>A clock with units of its own.</summary>
    private sealed class MillisecondScheduler : VirtualTimeScheduler<double, double>
    {
        protected override double Add(double absolute, double relative) => absolute + relative;

        protected override DateTimeOffset ToDateTimeOffset(double absolute) => DateTimeOffset.UnixEpoch + TimeSpan.FromMilliseconds(absolute);

        protected override double ToRelative(TimeSpan timeSpan) => timeSpan.TotalMilliseconds;
    }
}
