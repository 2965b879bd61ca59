using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace Rx.IotLink.Time;

internal static class SchedulerExtensions
{
    /// <summary>Runs an action as soon as the scheduler can, without a closure.</summary>
    public static void Run<TState>(this IScheduler scheduler, TState state, Action<TState> action) =>
        scheduler.Schedule((state, action), static (_, s) =>
        {
            s.action(s.state);
            return Disposable.Empty;
        });

    /// <summary>
    /// Runs a piece of work as soon as the scheduler can; where that is a thread of observers, without an allocation.
    /// </summary>
    public static void Run(this IScheduler scheduler, IWork work)
    {
        if (scheduler is ObserverLane lane)
            lane.Enqueue(work);
        else
            scheduler.Run(work, static w => w.Run());
    }
}
