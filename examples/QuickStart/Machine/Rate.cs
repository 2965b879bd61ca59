using System.Reactive.Concurrency;

namespace QuickStart.Machine;

/// <summary>Makes a rate of a counter: its growth since the last call.</summary>
internal sealed class Rate(Func<double> counter, IStopwatch stopwatch)
{
    private double _count = counter();
    private TimeSpan _at = stopwatch.Elapsed;

    public double PerSecond()
    {
        var (count, at) = (counter(), stopwatch.Elapsed);
        var rate = at > _at ? (count - _count) / (at - _at).TotalSeconds : 0;
        (_count, _at) = (count, at);
        // A counter that starts again (an interface came or went) gives no rate this time.
        return Math.Max(0, rate);
    }
}
