using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink;

namespace TcpSoak.Lines;

/// <summary>What one end of a link writes and reads, written down.</summary>
internal static class Flow
{
    /// <summary>Lines on their way at a time, at most: an outage stops the writer soon, as it would a device.</summary>
    private const int MostWaiting = 32;

    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(50);

    /// <summary>Writes small bursts until it is stopped; completes when all of them were accepted.</summary>
    public static Task WriteAsync(ILink link, Direction direction, IObservable<Unit> stop, IScheduler scheduler) =>
        Observable.Interval(Every, scheduler)
            .TakeUntil(stop)
            .SelectMany(tick => Enumerable.Repeat(tick, (int)(tick % 4)))
            .Where(_ => direction.Open < MostWaiting)
            .Select(_ => direction.Write())
            .SelectMany(number => link.Write(Numbered.Line(number)).Do(_ => direction.Accepted(number)))
            .LastOrDefaultAsync()
            .ToTask();

    /// <summary>Writes down what comes.</summary>
    public static IDisposable Read(ILink link, Direction direction) => link.Lines.Subscribe(line => direction.Received(Numbered.Number(line)));
}
