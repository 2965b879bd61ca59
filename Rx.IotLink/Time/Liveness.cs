using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;

namespace Rx.IotLink.Time;

/// <summary>
/// Keepalives and outage detection. Both watch a quiet time that is only read when a timer fires, at most once per limit:
/// what is received or sent costs no timer.
/// </summary>
internal static class Liveness
{
    /// <summary>Gives one value when it has been quiet for the limit: not a tick earlier, and at the very tick on a virtual clock.</summary>
    public static IObservable<Unit> Silence(Func<TimeSpan> quietFor, TimeSpan limit, IScheduler scheduler) =>
        WheneverQuiet(quietFor, limit, scheduler).Take(1);

    /// <summary>Gives a value each time it has been quiet for the interval; each must end the quiet.</summary>
    public static IObservable<Unit> Keepalives(Func<TimeSpan> quietFor, TimeSpan interval, IScheduler scheduler) =>
        WheneverQuiet(quietFor, interval, scheduler);

    private static IObservable<Unit> WheneverQuiet(Func<TimeSpan> quietFor, TimeSpan limit, IScheduler scheduler) =>
        Observable.Defer(() => Observable.Timer(AtLeastOneTick(limit - quietFor()), scheduler))
            .Repeat()
            .Where(_ => quietFor() >= limit)
            .Select(_ => Unit.Default);

    // A timer of zero would turn a quiet that never ends into a busy loop.
    private static TimeSpan AtLeastOneTick(TimeSpan due) => due > TimeSpan.Zero ? due : TimeSpan.FromTicks(1);
}
