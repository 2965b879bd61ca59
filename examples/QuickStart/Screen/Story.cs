using System.Reactive.Concurrency;
using System.Reactive.Linq;
using QuickStart.Outages;

namespace QuickStart.Screen;

/// <summary>What happens, as sentences.</summary>
internal static class Story
{
    public static IObservable<string> Of(Fleet fleet, Books books, IStopwatch stopwatch) => Observable.Merge(
        books.Ledger.Faults.Select(fault => Sentence(fault.At, fault.Proxy, $"FAULT   {fault.Fault.Name}")),
        books.Ledger.Sights.Select(sight => Sentence(sight.At, sight.Device, $"{Speaker(sight.End)}  {sight.Why}")),
        fleet.Gone.Select(alarm => Sentence(stopwatch.Elapsed, alarm.Device, alarm.IsGone ? "ALARM   is gone" : "alarm   is back")));

    public static string Sentence(TimeSpan at, string device, string text) => $"{at.TotalSeconds,7:F2} s  {device,-8}  {text}";

    private static string Speaker(End end) => end == End.Server ? "server" : "device";
}
