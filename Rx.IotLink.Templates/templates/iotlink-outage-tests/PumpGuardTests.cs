using System.Reactive.Concurrency;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink;
using Rx.IotLink.Testing;

namespace OutageTests1;

/// <summary>The real client and server, on a virtual clock and a network that breaks when a test says so.</summary>
public sealed class PumpGuardTests
{
    private readonly List<(TimeSpan At, string Line)> pump = [];
    private SimulatedNetwork network = null!;
    private SimulatedServer server = null!;

    [SetUp]
    public void A_tank_sends_its_level_every_ten_seconds()
    {
        pump.Clear();
        network = SimulatedNetwork.On(new HistoricalScheduler());
        server = network.AddServer(app: (process, clock) => PumpGuard.Run(process, patience: 30.s(), clock));
        network.AddDevice("tank", server, app: (link, clock) =>
            Observable.Interval(10.s(), clock).SelectMany(n => link.Write($"level {n}")).Subscribe());
        network.AddDevice("pump", server, app: (link, _) => link.Lines.Subscribe(line => pump.Add((network.Now, line))));
    }

    [TearDown]
    public void Close() => network.Dispose();

    [Test]
    public void While_all_is_well_the_valve_stays_open()
    {
        network.RunFor(10.min());

        Assert.That(pump, Is.Empty);
    }

    [Test]
    public void When_the_radio_of_the_tank_is_away_for_a_minute_the_valve_closes_once()
    {
        network.Between("tank", server).Stalls(at: 65.s(), lasting: 1.min());

        network.RunFor(5.min());

        Assert.That(pump.Select(command => command.Line), Is.EqualTo(["close"]));
        Assert.That(pump[0].At, Is.EqualTo(90.s()).Within(1.s()), "30 s after the last level");
    }

    [Test]
    public void A_pump_that_is_away_as_well_closes_its_valve_when_it_is_back()
    {
        network.Between("tank", server).Stalls(at: 65.s(), lasting: 5.min());
        network.Between("pump", server).Stalls(at: 70.s(), lasting: 1.min());

        network.RunFor(10.min());

        Assert.That(pump.Select(command => command.Line), Is.EqualTo(["close"]));
        Assert.That(pump[0].At, Is.GreaterThan(130.s()).And.LessThan(3.min()));
    }

    [Test]
    public void A_pump_that_comes_only_after_the_alarm_closes_its_valve()
    {
        network.Between("pump", server).Stalls(at: TimeSpan.Zero, lasting: 2.min());
        network.Between("tank", server).Stalls(at: 65.s(), lasting: 5.min());

        network.RunFor(5.min());

        Assert.That(pump.Select(command => command.Line), Is.EqualTo(["close"]));
        Assert.That(pump[0].At, Is.GreaterThan(2.min()).And.LessThan(3.min()));
    }
}
