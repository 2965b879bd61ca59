using System.Globalization;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink;
using Rx.IotLink.Testing;

namespace OutageTests;

/// <summary>Runs on the device: pours the commanded millilitres, which must not happen twice.</summary>
public static class Doser
{
    private const string Command = "pour ";

    public static IDisposable On(ILink link, Action<int> pour) =>
        link.Lines.Where(line => line.StartsWith(Command, StringComparison.Ordinal))
            .Select(line => int.Parse(line.AsSpan(Command.Length), CultureInfo.InvariantCulture))
            .Subscribe(pour);
}

public sealed class DoserTests
{
    [Test]
    public void Whatever_happens_each_dose_is_poured_once()
    {
        var mix = new FaultMix { Targets = ["doser"], Machines = ["doser"], Memories = [MemoryAfterCrash.Kept], Until = 5.min(), MeanBetween = 10.s() };

        Seeds.Check(100, mix, (seed, faults) =>
        {
            // What was poured is poured: it is no part of the process that crashes.
            var poured = new List<int>();
            using var network = SimulatedNetwork.On(new HistoricalScheduler(), seed);
            var server = network.AddServer(app: (process, clock) => process.Links.Subscribe(link =>
                Observable.Interval(20.s(), clock).Take(15).SelectMany(n => link.Write($"pour {n + 1}")).Subscribe()));
            network.AddDevice("doser", server, app: (link, _) => Doser.On(link, poured.Add));
            network.Play(faults);

            network.RunFor(7.min());

            Assert.That(poured, Is.EqualTo(Enumerable.Range(1, 15)));
        });
    }
}
