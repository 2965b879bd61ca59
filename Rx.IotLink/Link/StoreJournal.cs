using System.Diagnostics.CodeAnalysis;
using System.Reactive.Concurrency;
using System.Runtime.CompilerServices;
using Rx.IotLink.Telemetry;
using Rx.IotLink.Time;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace Rx.IotLink;

/// <summary>
/// Writes the records of all links of a process into their store, together: while one batch is written, the next one
/// gathers. A store that waits delays what waits for it, and nothing else.
/// </summary>
/// <remarks>
/// The store is called on a thread of the stores, and never under a lock. On a clock other than the default one it is
/// called on the clock's thread, so that the same seed gives the same history.
/// </remarks>
internal sealed class StoreJournal : IWork
{
    /// <summary>
    /// After this many links in a row failed alone, the cause is taken to be the store, not the links.
    /// </summary>
    private const int FailuresInARow = 2;

    // One for each store and clock; it is collected with the store.
    private static readonly ConditionalWeakTable<ISessionStore, ConditionalWeakTable<IScheduler, StoreJournal>> All = new();

    private readonly ISessionStore store;
    private readonly Deadlines deadlines;
    private readonly bool hasThreads;
    private readonly Lock gate = new();

    // Guarded by the lock: links that have records, in the order of their calls, and links whose turn it is.
    private readonly Queue<Journal> waiting = new();
    private readonly List<Journal> taken = [];
    private bool atWork;
    private TimeSpan? busySince;
    private Alarm? alarm;

    // For the running writer only.
    private readonly Batch batch = new();

    private readonly Instruments instruments;
    private readonly MeasuredEvents events;

    private StoreJournal(ISessionStore store, LinkOptions options, Deadlines deadlines, bool hasThreads)
    {
        (this.store, this.deadlines, this.hasThreads) = (store, deadlines, hasThreads);
        (instruments, events) = (TelemetryHub.Of(options.Telemetry).Instruments, new(options.ObserversOfOne()));
    }

    /// <summary>The journal of a store on the clock of these options.</summary>
    public static StoreJournal Of(ISessionStore store, LinkOptions options)
    {
        return All.GetOrCreateValue(store).GetValue(
            options.Scheduler, clock => new(store, options, Deadlines.On(clock), ReferenceEquals(clock, DefaultScheduler.Instance)));
    }

    /// <summary>Starts to write the records of a link. Called again only after that has ended.</summary>
    public void Write(Journal link)
    {
        lock (gate)
        {
            waiting.Enqueue(link);
            if (atWork)
                return;
            atWork = true;
        }

        if (hasThreads)
            ObserverThreads.Stores.Enqueue(this);
        else
            _ = WriteAllAsync();
    }

    /// <summary>Reads lines of a link that wait.</summary>
    public void Read(Journal link, long after, int count)
    {
        if (hasThreads)
            ObserverThreads.Stores.Run((Journal: this, link, after, count), static s => _ = s.Journal.ReadAsync(s.link, s.after, s.count));
        else
            _ = ReadAsync(link, after, count);
    }

    void IWork.Run() => _ = WriteAllAsync();

    private async Task ReadAsync(Journal link, long after, int count)
    {
        IReadOnlyList<StoredLine> lines;
        try
        {
            lines = link.Checked(await store.ReadLinesAsync(link.Claim, after, count).ConfigureAwait(false), after, count);
        }
        catch (Exception exception)
        {
            link.LoadFailed(exception);
            return;
        }

        link.Loaded(lines);
    }

    /// <summary>Writes batch after batch, until nothing is left. Never throws.</summary>
    private async Task WriteAllAsync()
    {
        while (TryGather())
        {
            var failure = await TryWriteAsync().ConfigureAwait(false);
            if (failure is null || taken.Count == 1)
                Tell(failure);
            else
                await WriteEachAsync(failure).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// A batch of several links failed, perhaps because of one link's records. No link must suffer from another.
    /// </summary>
    private async Task WriteEachAsync(Exception failure)
    {
        Journal[] links;
        lock (gate)
            links = [.. taken];
        var failures = 0;
        foreach (var link in links)
        {
            lock (gate)
            {
                taken.Clear();
                taken.Add(link);
            }

            if (failures == FailuresInARow)
            {
                Tell(failure);
                continue;
            }

            batch.Clear();
            if (!link.TryTake(batch))
            {
                link.EndIfDone();
                continue;
            }

            var alone = await TryWriteAsync().ConfigureAwait(false);
            (failure, failures) = alone is null ? (failure, 0) : (alone, failures + 1);
            Tell(alone);
        }
    }

    /// <summary>Takes a batch. False: there is nothing, and the work is over.</summary>
    private bool TryGather()
    {
        while (true)
        {
            Gather();
            lock (gate)
            {
                if (taken.Count > 0)
                    return true;
                // A link may have come at this moment: do not write an empty batch.
                if (waiting.Count == 0)
                    return atWork = false;
            }
        }
    }

    private void Gather()
    {
        batch.Clear();
        lock (gate)
            taken.Clear();
        while (batch.HasRoom)
        {
            Journal? link;
            lock (gate)
            {
                // Records that have failed are written alone.
                if (!waiting.TryPeek(out link) || (taken.Count > 0 && link.HasFailed))
                    break;
                waiting.Dequeue();
            }

            if (!link.TryTake(batch))
            {
                link.EndIfDone();
                continue;
            }

            lock (gate)
                taken.Add(link);
            if (link.HasFailed)
                break;
        }
    }

    /// <summary>Writes the batch. Null: it is kept.</summary>
    private async ValueTask<Exception?> TryWriteAsync()
    {
        Begin();
        var began = deadlines.Now;
        Exception? failure = null;
        try
        {
            foreach (var claim in CheckedAnswers.Of(await WriteBatchAsync().ConfigureAwait(false)))
                Fence(claim);
            return null;
        }
        catch (Exception exception)
        {
            return failure = exception;
        }
        finally
        {
            lock (gate)
                busySince = null;
            Measure(deadlines.Now - began, failure);
        }
    }

    private ValueTask<IReadOnlyCollection<SessionClaim>> WriteBatchAsync()
    {
        var writing = store.WriteAsync(batch.Records);
        // Most stores of tests have written by now, and need no task.
        return writing.IsCompleted ? writing : WaitAsync(writing.AsTask());
    }

    private async ValueTask<IReadOnlyCollection<SessionClaim>> WaitAsync(Task<IReadOnlyCollection<SessionClaim>> writing)
    {
        await ((Task)writing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // The code after this calls the store again, which may block: it must not run on a thread that others need.
        if (hasThreads)
            await SwitchToStores().ConfigureAwait(false);
        return await writing.ConfigureAwait(false);
    }

    private void Measure(TimeSpan took, Exception? failure)
    {
        Tag[] tags = failure is null ? [] : [new("error.type", failure.GetType().FullName)];
        events.Post(instruments.CommitDuration, took.TotalSeconds, tags);
        events.Post(instruments.CommitRecords, batch.Records.Count, tags);
        events.Publish();
    }

    /// <summary>Reports the result to the links of the batch.</summary>
    private void Tell(Exception? failure)
    {
        for (var at = 0; TryGet(at, out var link); at++)
        {
            if (failure is not null)
                link.Failed(failure);
            else if (link.Written())
                Again(link);
        }
    }

    /// <summary>One of the links of the batch. Only the writer changes which these are, and it is the caller.</summary>
    private bool TryGet(int at, [NotNullWhen(true)] out Journal? link)
    {
        lock (gate)
            link = at < taken.Count ? taken[at] : null;
        return link is not null;
    }

    private void Again(Journal link)
    {
        lock (gate)
            waiting.Enqueue(link);
    }

    private void Fence(in SessionClaim claim)
    {
        Journal? fenced;
        var id = claim;
        lock (gate)
        {
            fenced = taken.Find(link => link.Claim == id);
            if (fenced is not null)
                taken.Remove(fenced);
        }

        fenced?.Fenced();
    }

    /// <summary>The wait for the store begins. Only on the real clock does time pass meanwhile.</summary>
    private void Begin()
    {
        if (!hasThreads)
            return;
        TimeSpan due;
        lock (gate)
        {
            busySince = deadlines.Now;
            due = busySince.Value + taken.Min(link => link.Patience);
            alarm ??= new CallingAlarm(deadlines, Rang);
        }

        alarm.Set(due);
    }

    /// <summary>Reports to links that have waited for the store for too long.</summary>
    private void Rang()
    {
        Journal[] links;
        TimeSpan waited;
        TimeSpan? due;
        lock (gate)
        {
            if (busySince is not { } since)
                return;
            waited = deadlines.Now - since;
            links = [.. taken.Concat(waiting)];
            // It may have rung for an earlier batch, and each link has its own limit.
            due = links.Where(link => link.Patience > waited).Min(link => since + (TimeSpan?)link.Patience);
        }

        alarm!.Set(due);
        foreach (var link in links.Where(link => link.Patience <= waited))
            link.Waits(waited);
    }

    private static Task SwitchToStores()
    {
        // Its continuation runs where it is completed.
        var switched = new TaskCompletionSource();
        ObserverThreads.Stores.Run(switched, static s => s.SetResult());
        return switched.Task;
    }
}
