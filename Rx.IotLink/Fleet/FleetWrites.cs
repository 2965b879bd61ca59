using Rx.IotLink.Protocol;

namespace Rx.IotLink;

/// <summary>
/// Lines that are written to devices of a fleet: while some are being kept, the next ones gather. They keep their
/// order.
/// </summary>
/// <param name="most">The most lines of a device that may wait (<c>FleetLines</c>).</param>
/// <param name="add">
/// Keeps lines. Gives the places of those that it left out, since their devices have as many as may wait.
/// </param>
internal sealed class FleetWrites(int most, Func<IReadOnlyList<(string Id, string Text)>, Task<HashSet<int>>> add)
{
    /// <summary>The most lines that wait in this process for the store, of all devices together.</summary>
    private const int MostWaiting = 65_536;

    private const int MostAtOnce = 256;

    private readonly Lock gate = new();
    private readonly Queue<Written> waiting = new();
    private bool atWork;

    /// <summary>Completes when the line is kept.</summary>
    public Task WriteAsync(string id, string line, CancellationToken cancellationToken)
    {
        Check(id, line);
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled(cancellationToken);
        var written = new Written(id, line);
        bool begins;
        lock (gate)
        {
            if (waiting.Count == MostWaiting)
                throw new OutboxFullException(id, "the number of lines that wait for the database", MostWaiting);
            waiting.Enqueue(written);
            (begins, atWork) = (!atWork, true);
        }

        if (begins)
            _ = WriteAllAsync();
        return written.Result.Task.WaitAsync(cancellationToken);
    }

    public static void Check(string id, string line)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        _ = LineText.Check(line, int.MaxValue);
    }

    public OutboxFullException Full(string id) => new(id, "FleetLines", most);

    private async Task WriteAllAsync()
    {
        while (Next() is { Count: > 0 } some)
        {
            try
            {
                var left = await add([.. some.Select(one => (one.Id, one.Line))]).ConfigureAwait(false);
                for (var at = 0; at < some.Count; at++)
                {
                    if (left.Contains(at))
                        some[at].Result.TrySetException(Full(some[at].Id));
                    else
                        some[at].Result.TrySetResult();
                }
            }
            catch (Exception exception)
            {
                // What waits behind a line that is not kept is not kept either: lines keep their order.
                lock (gate)
                {
                    some.AddRange(waiting);
                    waiting.Clear();
                }

                some.ForEach(one => one.Result.TrySetException(exception));
            }
        }
    }

    private List<Written> Next()
    {
        var some = new List<Written>();
        lock (gate)
        {
            while (some.Count < MostAtOnce && waiting.TryDequeue(out var next))
                some.Add(next);
            atWork = some.Count > 0;
        }

        return some;
    }

    /// <summary>A line whose writer waits.</summary>
    private sealed record Written(string Id, string Line)
    {
        public TaskCompletionSource Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
