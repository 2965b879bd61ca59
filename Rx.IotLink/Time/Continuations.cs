using System.Reactive.Concurrency;

namespace Rx.IotLink.Time;

/// <summary>
/// Where code of the application continues after it has awaited a task of the API. It never continues inside the code
/// that completes the task, which has other work. In real time it continues on the thread pool. On any other clock it
/// continues as an action of the scheduler that calls observers, so that it stays on the thread of a virtual clock.
/// </summary>
internal static class Continuations
{
    /// <summary>How to create a task.</summary>
    /// <param name="on">The scheduler; null in real time.</param>
    public static TaskCreationOptions Options(IScheduler? on) => on is null ? TaskCreationOptions.RunContinuationsAsynchronously : TaskCreationOptions.None;

    /// <summary>Completes a task that was created with these <see cref="Options"/>. Not under a lock.</summary>
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
    /// runs a virtual clock, its continuations would run on another thread.
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
