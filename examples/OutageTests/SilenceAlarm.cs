using System.Reactive.Concurrency;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink;
using Rx.IotLink.Server;
using Rx.IotLink.Testing;

namespace OutageTests;

/// <summary>Reports a device that has sent nothing for too long, once for each silence.</summary>
public static class SilenceAlarm
{
    public static IObservable<string> Of(IotLinkServer server, TimeSpan patience, IScheduler clock) =>
        server.Links.SelectMany(link => link.Lines.StartWith("").Throttle(patience, clock).Select(_ => link.Id));
}

public sealed class SilenceAlarmTests
{
    private readonly List<(TimeSpan At, string Device)> alarms = [];
    private SimulatedNetwork network = null!;

    [SetUp]
    public void A_well_reports_every_minute()
    {
        alarms.Clear();
        network = SimulatedNetwork.On(new HistoricalScheduler());
        var server = network.AddServer(app: (process, clock) => SilenceAlarm.Of(process, 5.min(), clock).Subscribe(id => alarms.Add((network.Now, id))));
        network.AddDevice("well", server, app: (link, clock) => Observable.Interval(1.min(), clock).Subscribe(n => link.Write($"{n}").Subscribe()));
    }

    [TearDown]
    public void Close() => network.Dispose();

    [Test]
    public void After_five_minutes_of_silence_it_fires_once()
    {
        network.Play([Fault.Stall("well", at: 10.5.min(), lasting: 20.min())]);

        network.RunFor(1.h());

        Assert.That(alarms.Select(a => a.Device), Is.EqualTo(["well"]));
        Assert.That(alarms[0].At, Is.EqualTo(15.min()).Within(1.s()), "five minutes after the last report");
    }

    [Test]
    public void Short_outages_are_nobodys_business()
    {
        network.Play(from n in Enumerable.Range(1, 10) select Fault.Stall("well", at: n * 6.min(), lasting: 3.min()));

        network.RunFor(70.min());

        Assert.That(alarms, Is.Empty);
    }

    [Test]
    public void A_well_that_lost_its_power_is_silent_too()
    {
        network.Play([Fault.Crash("well", at: 10.5.min(), lasting: 30.min(), how: CrashKind.PowerLost)]);

        network.RunFor(1.h());

        Assert.That(alarms, Has.Count.EqualTo(1));
    }
}
