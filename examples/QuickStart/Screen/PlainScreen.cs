using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using QuickStart.Machine;

namespace QuickStart.Screen;

/// <summary>Shows a run line by line: for files, pipes and terminals that cannot move their cursor.</summary>
internal static class PlainScreen
{
    public static async Task ShowAsync(Fleet fleet, Books books, IReadOnlyList<Sensor> sensors, IStopwatch stopwatch, IObservable<Unit> until)
    {
        var units = sensors.ToDictionary(sensor => sensor.Name, sensor => sensor.Unit, StringComparer.Ordinal);
        var windows = fleet.Windows.Select(window =>
            Story.Sentence(stopwatch.Elapsed, window.Device, $"average {window.Value:F2} {units[window.Device]} of {window.Lines} lines, {window.Delay:F0} ms on their way"));
        var delays = fleet.Delay.Select(delay => Story.Sentence(stopwatch.Elapsed, "(fleet)", $"{delay:F0} ms on their way"));
        await Observable.Merge(Story.Of(fleet, books, stopwatch), windows, delays)
            .TakeUntil(until)
            .Do(Console.WriteLine)
            .LastOrDefaultAsync();
    }
}
