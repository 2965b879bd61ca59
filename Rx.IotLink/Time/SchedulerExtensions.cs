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
}
