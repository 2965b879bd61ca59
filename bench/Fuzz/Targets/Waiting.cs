namespace Fuzz.Targets;

/// <summary>
/// What must have ended by now. On a thread with a context of its own, as a test runner's, the last step of a task may
/// be left to another thread: it is given a moment.
/// </summary>
internal static class Waiting
{
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(10);

    public static void For(Task task, string otherwise)
    {
        if (!task.IsCompleted)
            ((IAsyncResult)task).AsyncWaitHandle.WaitOne(Moment);
        if (!task.IsCompletedSuccessfully)
            throw new BrokenPromiseException($"{otherwise}: {task.Status}", task.Exception);
    }
}
