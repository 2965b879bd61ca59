using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace Rx.IotLink.Time;

internal static class SchedulerExtensions
{
    /// <summary>
    /// Runs an action as soon as the scheduler can, without a closure of the caller's. Where the scheduler throws, a
    /// thread of observers runs it instead: one that was disposed too early must not stop what goes on here.
    /// </summary>
    public static void Run<TState>(this IScheduler scheduler, TState state, Action<TState> action)
    {
        var once = new Once<TState>(state, action);
        try
        {
            scheduler.Schedule(once, static (_, o) =>
            {
                o.Run();
                return Disposable.Empty;
            });
        }
        catch (Exception) when (!once.HasBegun)
        {
            ObserverThreads.Instance.NewLane().Enqueue(once);
        }
    }

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

    /// <summary>Runs once, though the scheduler threw and runs it all the same.</summary>
    private sealed class Once<TState>(TState state, Action<TState> action) : IWork
    {
        private int begun;

        public bool HasBegun => Volatile.Read(ref begun) != 0;

        public void Run()
        {
            if (Interlocked.Exchange(ref begun, 1) == 0)
                action(state);
        }
    }
}
