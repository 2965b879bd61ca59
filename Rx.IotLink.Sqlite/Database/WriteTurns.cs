namespace Rx.IotLink.Sqlite.Database;

/// <summary>
/// Who may write the file next. SQLite lets one transaction write at a time, and would have the others try again and
/// again, and perhaps never find it free. Here they take turns: the store, and consumers with the transactions of their
/// handlers.
/// </summary>
internal sealed class WriteTurns
{
    private readonly Lock gate = new();

    // Each gives the turn to one that waits; false: that one has given up.
    private readonly Queue<Func<bool>> waiting = new();
    private bool isTaken;

    /// <summary>Completes when it is the caller's turn, which lasts until <see cref="Leave"/>.</summary>
    public Task EnterAsync()
    {
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!TryTake(turn.TrySetResult))
            return turn.Task;
        return Task.CompletedTask;
    }

    /// <summary>Waits for a turn on this thread. False: it did not come in time.</summary>
    public bool Enter(TimeSpan limit)
    {
        const int Given = 1;
        const int GivenUp = 2;
        var state = 0;
        using var given = new ManualResetEventSlim();
        if (TryTake(Give) || given.Wait(limit))
            return true;
        // If it comes at this moment, it is taken.
        return Interlocked.CompareExchange(ref state, GivenUp, 0) == Given;

        bool Give()
        {
            if (Interlocked.CompareExchange(ref state, Given, 0) != 0)
                return false;
            given.Set();
            return true;
        }
    }

    /// <summary>The turn goes to the one that has waited for the longest time.</summary>
    public void Leave()
    {
        while (true)
        {
            Func<bool>? next;
            lock (gate)
            {
                if (!waiting.TryDequeue(out next))
                {
                    isTaken = false;
                    return;
                }
            }

            if (next())
                return;
        }
    }

    /// <summary>Takes the turn, if nobody has it; else it is given later.</summary>
    private bool TryTake(Func<bool> give)
    {
        lock (gate)
        {
            if (isTaken)
            {
                waiting.Enqueue(give);
                return false;
            }

            isTaken = true;
            return true;
        }
    }
}
