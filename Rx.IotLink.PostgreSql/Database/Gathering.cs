namespace Rx.IotLink.PostgreSql.Database;

/// <summary>
/// Answers questions together: while one call runs, the next questions gather. So a fleet that comes back at once needs
/// one connection, and few statements.
/// </summary>
/// <remarks>
/// Who asks waits for the answer, so no more questions gather than there are askers: one of each link.
/// </remarks>
/// <param name="most">The most questions of one call.</param>
/// <param name="isEachOnce">Whether questions that are equal go into calls of their own.</param>
internal abstract class Gathering<TQuestion, TAnswer>(int most, bool isEachOnce)
    where TQuestion : notnull
{
    private readonly Lock gate = new();
    private readonly Queue<Asked<TQuestion, TAnswer>> waiting = new();
    private bool atWork;

    /// <summary>Asks in the next call.</summary>
    protected Task<TAnswer> AskAsync(TQuestion question)
    {
        var asked = new Asked<TQuestion, TAnswer>(question);
        lock (gate)
        {
            waiting.Enqueue(asked);
            if (atWork)
                return asked.Result.Task;
            atWork = true;
        }

        _ = AnswerAllAsync();
        return asked.Result.Task;
    }

    /// <summary>Answers all of them, or throws: then those fail that have no answer yet.</summary>
    protected abstract Task AnswerAsync(IReadOnlyList<Asked<TQuestion, TAnswer>> some);

    private async Task AnswerAllAsync()
    {
        while (Next() is { Count: > 0 } some)
        {
            try
            {
                await AnswerAsync(some).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                foreach (var asked in some)
                    asked.Result.TrySetException(exception);
            }
        }
    }

    private List<Asked<TQuestion, TAnswer>> Next()
    {
        var different = new HashSet<TQuestion>();
        var some = new List<Asked<TQuestion, TAnswer>>();
        lock (gate)
        {
            while (some.Count < most && waiting.TryPeek(out var next) && (different.Add(next.Question) || !isEachOnce))
                some.Add(waiting.Dequeue());
            atWork = some.Count > 0;
        }

        return some;
    }
}

/// <summary>A question, and who waits for its answer.</summary>
internal sealed record Asked<TQuestion, TAnswer>(TQuestion Question)
{
    public TaskCompletionSource<TAnswer> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
