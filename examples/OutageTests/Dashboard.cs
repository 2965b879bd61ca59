using System.Globalization;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink;
using Rx.IotLink.Testing;

namespace OutageTests;

/// <summary>A value as it is shown.</summary>
/// <param name="Value">The last one that came.</param>
/// <param name="IsStale">Whether it may be wrong by now.</param>
public readonly record struct Tile(double Value, bool IsStale);

/// <summary>
/// Shows the last value of a device; stale when its link is down, or when nothing came for a while although it is up.
/// </summary>
public static class Dashboard
{
    public static IObservable<Tile> Tiles(ILink link, TimeSpan fresh, IScheduler clock) =>
        link.Lines.Select(line => double.Parse(line, CultureInfo.InvariantCulture))
            .Select(value => Observable.Return(false).Concat(Observable.Timer(fresh, clock).Select(_ => true)).Select(old => (value, old)))
            .Switch()
            .CombineLatest(link.IsUp(), (shown, up) => new Tile(shown.value, shown.old || !up))
            .DistinctUntilChanged();
}

public sealed class DashboardTests
{
    private SimulatedNetwork network = null!;
    private SimulatedDevice tank = null!;
    private Recording<Tile>? tiles;

    [SetUp]
    public void A_tank_tells_its_level_every_ten_seconds()
    {
        network = SimulatedNetwork.On(new HistoricalScheduler());
        var server = network.AddServer(app: (process, clock) =>
            process.Links.Subscribe(link => tiles = network.Record(Dashboard.Tiles(link, fresh: 15.s(), clock))));
        tank = network.AddDevice("tank", server, app: (link, clock) =>
            Observable.Interval(10.s(), clock).Take(6).Subscribe(n => link.Write($"{n}").Subscribe()));
    }

    [TearDown]
    public void Close() => network.Dispose();

    [Test]
    public void In_an_outage_values_are_shown_as_stale_until_the_next_one_comes()
    {
        tank.Path.Stalls(at: 31.s(), lasting: 12.s());

        network.RunFor(1.min());

        // One place is 5 s. The outage is found within 2 s; the value of the 40th second comes when it is over.
        Assert.That(tiles!.Marbles(5.s(), Symbol), Is.EqualTo("--0-1-(2~)-(23)-4-"));
    }

    [Test]
    public void A_sensor_that_says_nothing_is_shown_as_stale_though_its_link_is_up()
    {
        network.RunFor(2.min());

        Assert.That(tiles!.Moments[^1].Value, Is.EqualTo(new Tile(5, IsStale: true)));
        Assert.That(tiles.Moments[^1].At, Is.EqualTo(75.s()).Within(1.s()), "the last value came after a minute");
    }

    private static char Symbol(Tile tile) => tile.IsStale ? '~' : (char)('0' + tile.Value);
}
