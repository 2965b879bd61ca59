namespace Rx.IotLink;

/// <summary>
/// Lines that are written to devices of a fleet: while some are being kept, the next ones gather. They keep their
/// order.
/// </summary>
/// <param name="most">The most lines of a device that may wait (<c>FleetLines</c>).</param>
/// <param name="add">
/// Keeps lines. Gives the number of each in the outbox; 0: it was left out, since its device has as many as may wait.
/// </param>
/// <param name="reports">Reports to writers what has become of their lines.</param>
internal sealed class FleetWrites(int most, Func<IReadOnlyList<FleetWrite>, Task<IReadOnlyList<long>>> add, FleetReports reports)
{
    /// <summary>The most lines that wait in this process for the store, of all devices together.</summary>
    private const int MostWaiting = 65_536;

    private const int MostAtOnce = 256;

    private readonly Lock gate = new();
    private readonly Queue<Written> waiting = new();
    private bool atWork;

    /// <summary>Completes when the line is kept, or when its writer learns what has become of it.</summary>
    public Task WriteAsync(FleetWrite line, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled(cancellationToken);
        var written = new Written(line);
        bool begins;
        lock (gate)
        {
            if (waiting.Count == MostWaiting)
                throw new OutboxFullException(line.Id, "the number of lines that wait for the database", MostWaiting);
            if (line.IsReported)
                reports.Begin(line.Id);
            waiting.Enqueue(written);
            (begins, atWork) = (!atWork, true);
        }

        if (begins)
            _ = WriteAllAsync();
        return (line.IsReported ? ReportedAsync(written) : written.Result.Task).WaitAsync(cancellationToken);
    }

    private async Task ReportedAsync(Written written)
    {
        long entry;
        try
        {
            entry = await written.Result.Task.ConfigureAwait(false);
        }
        catch
        {
            reports.Fail();
            throw;
        }

        await reports.WaitAsync(entry, written.Line).ConfigureAwait(false);
    }

    public OutboxFullException Full(string id) => new(id, "FleetLines", most);

    private async Task WriteAllAsync()
    {
        while (Next() is { Count: > 0 } some)
        {
            try
            {
                var entries = await add([.. some.Select(one => one.Line)]).ConfigureAwait(false);
                for (var at = 0; at < some.Count; at++)
                {
                    if (entries[at] == 0)
                        some[at].Result.TrySetException(Full(some[at].Line.Id));
                    else
                        some[at].Result.TrySetResult(entries[at]);
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
    private sealed record Written(FleetWrite Line)
    {
        public TaskCompletionSource<long> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
