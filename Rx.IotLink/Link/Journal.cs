using System.Reactive.Concurrency;
using Rx.IotLink.Protocol;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>
/// Keeps the records of one link in its store, in their order: <see cref="Append"/> only takes note; what has gathered
/// is written outside the lock, on a thread of the stores, and the link
/// is told how far it is. A store that waits holds up what waits for it, and nothing else; one that fails is tried
/// again, with longer pauses each time.
/// </summary>
/// <remarks>
/// The lock is the link's: whoever has something to keep holds it already. On a clock other than the default one the
/// store is called on the clock's thread, as soon as the lock is left, so that
/// the same seed is the same history.
/// </remarks>
internal sealed class Journal : IWork
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly ISessionStore store;
    private readonly Lock gate;
    private readonly IJournalOwner owner;
    private readonly Deadlines deadlines;
    private readonly TimeSpan patience;
    private readonly bool hasThreads;

    // Guarded by the lock. What is being written is whose turn it is to write, until it has none of it left.
    private List<Entry> gathered = [];
    private List<Entry> writing = [];
    private int written;
    private long appended;
    private bool atWork;
    private bool closed;
    private bool over;
    private TimeSpan? retryAt;
    private TimeSpan? busySince;
    private TimeSpan pause;
    private Alarm? alarm;
    private TaskCompletionSource? idle;

    /// <summary>The journal of a link that keeps its memory.</summary>
    public Journal(ISessionStore store, Lock gate, LinkOptions options, Deadlines deadlines, IJournalOwner owner)
    {
        (this.store, this.gate, this.deadlines, this.owner, patience) = (store, gate, deadlines, owner, options.Timeout);
        hasThreads = ReferenceEquals(options.Scheduler, DefaultScheduler.Instance);
    }

    /// <summary>Takes note of a record, and gives its place. Under the lock.</summary>
    public long Append(in SessionRecord record)
    {
        appended++;
        // So it stays as short as what the session remembers, however long the store fails.
        if (record.Kind == RecordKind.Begin)
            gathered.RemoveAll(before => before.Record.Kind != RecordKind.Connect);
        else if (gathered is [.., var last] && record.Covers(last.Record))
            gathered.RemoveAt(gathered.Count - 1);
        gathered.Add(new(record, appended));
        return appended;
    }

    /// <summary>Whether <see cref="Start"/> must be called now, once the lock is left. Under the lock.</summary>
    public bool TryBegin() => !atWork && !over && retryAt is null && gathered.Count + writing.Count > 0 && (atWork = true);

    /// <summary>Has what gathered written, where <see cref="TryBegin"/> said yes.</summary>
    public void Start()
    {
        if (hasThreads)
            ObserverThreads.Stores.Enqueue(this);
        else
            Write();
    }

    /// <summary>Completes when all that was appended by now is kept, or is given up. Under the lock.</summary>
    public Task WhenIdle() => over || (!atWork && gathered.Count + writing.Count == 0)
        ? Task.CompletedTask
        : (idle ??= new(hasThreads ? TaskCreationOptions.RunContinuationsAsynchronously : TaskCreationOptions.None)).Task;

    /// <summary>
    /// Nothing is appended any more. What is left is tried once more, and given up if that fails. Under the lock.
    /// </summary>
    public void Close() => (closed, retryAt) = (true, null);

    /// <summary>What is left is given up: it has been waited for long enough.</summary>
    public void GiveUp()
    {
        lock (gate)
            over = true;
        EndIfDone();
    }

    /// <summary>Ends what waits for it or reminds it, if there is nothing more to do. After the lock.</summary>
    public void EndIfDone()
    {
        Alarm? ended;
        TaskCompletionSource? told;
        lock (gate)
        {
            var done = !atWork && gathered.Count + writing.Count == 0;
            over |= closed && done;
            if (!over && !done)
                return;
            ended = over ? alarm : null;
            (told, idle) = (idle, null);
        }

        if (told is not null)
            Continuations.Inline(told, static t => t.TrySetResult());
        ended?.Dispose();
    }

    void IWork.Run() => Write();

    private void Write()
    {
        while (TryTake())
        {
            try
            {
                // Only who is at work touches what is being written.
                for (; written < writing.Count; written++)
                    Write(writing[written].Record);
            }
            catch (Exception exception)
            {
                Failed(exception);
                return;
            }

            owner.Saved(writing[^1].Place);
        }

        EndIfDone();
    }

    private void Write(in SessionRecord record)
    {
        switch (record.Kind)
        {
            case RecordKind.Begin:
                store.Begin(record.Epoch);
                break;
            case RecordKind.Connect:
                store.Connect(record.Number);
                break;
            case RecordKind.Add:
                store.Add(record.Number, record.Line!);
                break;
            case RecordKind.RemoveThrough:
                store.RemoveThrough(record.Number);
                break;
            default:
                store.Accept(record.Epoch, record.Number);
                break;
        }
    }

    /// <summary>
    /// Takes what has gathered, once all that was taken before is written. False: there is nothing, and the work is
    /// over.
    /// </summary>
    private bool TryTake()
    {
        bool takes;
        TimeSpan? due = null;
        lock (gate)
        {
            if (written == writing.Count)
            {
                writing.Clear();
                (writing, gathered, written, pause) = (gathered, writing, 0, TimeSpan.Zero);
            }

            takes = atWork = writing.Count > 0 && !over;
            busySince = takes ? deadlines.Now : null;
            // Only on the real clock does time pass while the store is called.
            if (takes && hasThreads)
                due = busySince + patience;
        }

        Remind(due);
        return takes;
    }

    /// <summary>
    /// The record whose turn it is could not be kept: the store is left alone for a while, which is longer each time.
    /// </summary>
    private void Failed(Exception exception)
    {
        TimeSpan? due = null;
        long? saved;
        lock (gate)
        {
            saved = written > 0 ? writing[written - 1].Place : null;
            pause = pause == TimeSpan.Zero || written > 0 ? FirstPause : pause + pause < LongestPause ? pause + pause : LongestPause;
            writing.RemoveRange(0, written);
            (written, busySince) = (0, null);
        }

        // Told before anybody can try again: of a failure and what healed it, the failure comes first.
        owner.SaveFailed(exception, saved);
        lock (gate)
        {
            atWork = false;
            over |= closed;
            if (!over)
                due = retryAt = deadlines.Now + pause;
        }

        Remind(due);
        EndIfDone();
    }

    private void Remind(TimeSpan? due)
    {
        if (due is null)
            return;
        Alarm reminder;
        lock (gate)
            reminder = alarm ??= new Alarm(deadlines, Rang);
        // Nothing, if it has ended meanwhile.
        reminder.Set(due);
    }

    /// <summary>It is time to try again, or the store has not answered for too long.</summary>
    private void Rang()
    {
        bool starts;
        TimeSpan? waits = null;
        TimeSpan? due;
        lock (gate)
        {
            var now = deadlines.Now;
            if (retryAt <= now)
                retryAt = null;
            starts = TryBegin();
            due = retryAt ?? busySince + patience;
            if (busySince is { } since && now - since >= patience)
                (waits, due) = (now - since, null);
        }

        Remind(due);
        if (waits is { } time)
            owner.SaveWaits(time);
        if (starts)
            Start();
    }

    private readonly record struct Entry(SessionRecord Record, long Place);
}

/// <summary>Whom a journal tells how far it is. Called outside the lock.</summary>
internal interface IJournalOwner
{
    /// <summary>All records up to this place are kept, and the store works.</summary>
    void Saved(long upTo);

    /// <summary>The store failed: what is up to this place is kept; what follows is tried again.</summary>
    void SaveFailed(Exception exception, long? upTo);

    /// <summary>The store has not answered for so long.</summary>
    void SaveWaits(TimeSpan time);
}
