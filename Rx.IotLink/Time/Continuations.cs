using System.Reactive.Concurrency;

namespace Rx.IotLink.Time;

/// <summary>
/// Where code of the application goes on that has awaited a task of the API. Never inside of what tells it, which has
/// other things to do: in real time on the thread pool; on any other clock as an action of the scheduler that calls
/// observers, so that the thread of a virtual clock is not left.
/// </summary>
internal static class Continuations
{
    /// <summary>How a task is to be made.</summary>
    /// <param name="on">The scheduler; null in real time.</param>
    public static TaskCreationOptions Options(IScheduler? on) => on is null ? TaskCreationOptions.RunContinuationsAsynchronously : TaskCreationOptions.None;

    /// <summary>Has a task told, which was made with these <see cref="Options"/>. Not under a lock.</summary>
    public static void Tell(IScheduler? on, IWork telling)
    {
        if (on is null)
            telling.Run();
        else if (on is ImmediateScheduler)
            Inline(telling, static t => t.Run());
        else
            on.Run(telling, static work => Inline(work, static t => t.Run()));
    }

    /// <summary>Completes a task here and now.</summary>
    /// <remarks>
    /// A task looks at the context of the thread that completes it: under one of a test framework, or of a window that
    /// runs a virtual clock, its continuations would leave the thread.
    /// </remarks>
    public static void Inline<T>(T state, Action<T> complete)
    {
        var context = SynchronizationContext.Current;
        if (context is not null)
            SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            complete(state);
        }
        finally
        {
            if (context is not null)
                SynchronizationContext.SetSynchronizationContext(context);
        }
    }
}
