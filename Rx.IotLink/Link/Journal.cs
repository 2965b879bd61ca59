using System.Reactive.Concurrency;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>
/// What one link has to keep, in its order: <see cref="Append"/> only takes note; the journal of the store
/// (<see cref="StoreJournal"/>) writes it outside the lock, together with what other links have, and the link is told
/// how far it is. What could not be kept is tried again, with longer pauses each time.
/// </summary>
/// <remarks>The lock is the link's: whoever has something to keep holds it already.</remarks>
internal sealed class Journal
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly Lock gate;
    private readonly IJournalOwner owner;
    private readonly Deadlines deadlines;
    private readonly StoreJournal writer;
    private readonly bool hasThreads;

    // Guarded by the lock. The first of them, so many, are in the batch that is being written.
    private readonly List<(SessionRecord Record, long Place)> entries = [];
    private int inBatch;
    private long appended;
    private bool atWork;
    private bool closed;
    private bool over;
    private TimeSpan? retryAt;
    private TimeSpan pause;
    private Alarm? alarm;
    private TaskCompletionSource? idle;

    /// <summary>The journal of a link that keeps its memory.</summary>
    /// <param name="claim">Under which it writes.</param>
    /// <param name="writer">The journal of the store.</param>
    /// <param name="gate">The link's lock.</param>
    /// <param name="options">The link's options.</param>
    /// <param name="deadlines">The link's clock.</param>
    /// <param name="owner">The link.</param>
    public Journal(SessionClaim claim, StoreJournal writer, Lock gate, LinkOptions options, Deadlines deadlines, IJournalOwner owner)
    {
        (Claim, this.writer, this.gate, this.deadlines, this.owner) = (claim, writer, gate, deadlines, owner);
        Patience = options.Timeout;
        hasThreads = ReferenceEquals(options.Scheduler, DefaultScheduler.Instance);
    }

    public SessionClaim Claim { get; }

    /// <summary>How long the store may take before the application is told.</summary>
    public TimeSpan Patience { get; }

    /// <summary>
    /// Whether what it has failed the last time, and is better not put together with what others have.
    /// </summary>
    public bool HasFailed { get; private set; }

    /// <summary>Takes note of a record, and gives its place. Under the lock.</summary>
    public long Append(in SessionRecord record)
    {
        appended++;
        // So it stays as short as what the session remembers, however long the store fails.
        if (record.Kind == SessionRecordKind.Begin)
            RemoveWaiting(static kind => kind is SessionRecordKind.Begin or SessionRecordKind.Accept);
        else if (entries.Count > inBatch && Covers(record, entries[^1].Record))
            entries.RemoveAt(entries.Count - 1);
        entries.Add((record, appended));
        return appended;
    }

    /// <summary>Whether <see cref="Start"/> must be called now, once the lock is left. Under the lock.</summary>
    public bool TryBegin() => !atWork && !over && retryAt is null && entries.Count > 0 && (atWork = true);

    /// <summary>Has what gathered written, where <see cref="TryBegin"/> said yes.</summary>
    public void Start() => writer.Write(this);

    /// <summary>
    /// Puts what is to be written now into a batch, as far as it has room. False: there is nothing (any more).
    /// </summary>
    public bool TryTake(Batch batch)
    {
        lock (gate)
        {
            atWork = entries.Count > 0 && !over;
            for (inBatch = 0; atWork && inBatch < entries.Count && (inBatch == 0 || batch.HasRoom); inBatch++)
                batch.Add(new(Claim, entries[inBatch].Record));
            return atWork;
        }
    }

    /// <summary>What was taken is kept. Gives whether there is more.</summary>
    public bool Written()
    {
        long place;
        lock (gate)
        {
            place = entries[inBatch - 1].Place;
            entries.RemoveRange(0, inBatch);
            (inBatch, pause, HasFailed) = (0, TimeSpan.Zero, false);
        }

        _ = TryTell(place, static (owner, upTo) => owner.Saved(upTo));
        bool again;
        lock (gate)
            again = atWork = entries.Count > 0 && !over;
        if (!again)
            EndIfDone();
        return again;
    }

    /// <summary>
    /// What was taken could not be kept: the store is left alone for a while, which is longer each time.
    /// </summary>
    public void Failed(Exception exception)
    {
        lock (gate)
        {
            pause = pause == TimeSpan.Zero ? FirstPause : pause + pause < LongestPause ? pause + pause : LongestPause;
            (inBatch, HasFailed) = (0, true);
        }

        // Told before anybody can try again: of a failure and what healed it, the failure comes first.
        _ = TryTell(exception, static (owner, failure) => owner.SaveFailed(failure));
        TimeSpan? due = null;
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

    /// <summary>Somebody else has claimed the memory: nothing of this link is kept any more.</summary>
    public void Fenced()
    {
        lock (gate)
            (over, atWork) = (true, false);
        _ = TryTell(this, static (owner, _) => owner.Fenced());
        EndIfDone();
    }

    /// <summary>Reads lines that wait, and gives them to the link.</summary>
    public void Read(long after, int count) => writer.Read(this, after, count);

    /// <summary>Lines were read.</summary>
    public void Loaded(IReadOnlyList<StoredLine> lines) => _ = TryTell(lines, static (owner, read) => owner.Loaded(read));

    /// <summary>Lines could not be read.</summary>
    public void LoadFailed(Exception exception) => _ = TryTell(exception, static (owner, failure) => owner.LoadFailed(failure));

    /// <summary>The store has not answered for so long.</summary>
    public void Waits(TimeSpan time) => _ = TryTell(time, static (owner, waited) => owner.SaveWaits(waited));

    /// <summary>Completes when all that was appended by now is kept, or is given up. Under the lock.</summary>
    public Task WhenIdle() => over || (!atWork && entries.Count == 0)
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
            var done = !atWork && entries.Count == 0;
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

    /// <summary>
    /// Tells the link. It ends connections, which are somebody else's and may throw: the journal of the store, which
    /// serves other links too, goes on all the same.
    /// </summary>
    /// <returns>Whether nothing was thrown. The link has taken its step in any case.</returns>
    private bool TryTell<T>(T what, Action<IJournalOwner, T> tell)
    {
        try
        {
            tell(owner, what);
            return true;
        }
        catch (Exception)
        {
            return false;
        }
    }

    /// <summary>Whether a record says all that the one right before it does.</summary>
    private static bool Covers(in SessionRecord record, in SessionRecord before) => record.Kind == before.Kind
        && record.Kind is SessionRecordKind.Connect or SessionRecordKind.RemoveThrough or SessionRecordKind.Accept;

    /// <summary>Takes out records of these kinds, unless they are being written.</summary>
    private void RemoveWaiting(Func<SessionRecordKind, bool> which)
    {
        for (var at = entries.Count - 1; at >= inBatch; at--)
        {
            if (which(entries[at].Record.Kind))
                entries.RemoveAt(at);
        }
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

    /// <summary>It is time to try again.</summary>
    private void Rang()
    {
        bool starts;
        TimeSpan? due;
        lock (gate)
        {
            if (retryAt <= deadlines.Now)
                retryAt = null;
            due = retryAt;
            starts = TryBegin();
        }

        Remind(due);
        if (starts)
            Start();
    }
}

/// <summary>Whom a journal tells how far it is. Called outside the lock.</summary>
internal interface IJournalOwner
{
    /// <summary>All records up to this place are kept, and the store works.</summary>
    void Saved(long upTo);

    /// <summary>The store failed: what is not kept yet is tried again.</summary>
    void SaveFailed(Exception exception);

    /// <summary>The store has not answered for so long.</summary>
    void SaveWaits(TimeSpan time);

    /// <summary>Lines were read that were asked for.</summary>
    void Loaded(IReadOnlyList<StoredLine> lines);

    /// <summary>Lines that were asked for could not be read.</summary>
    void LoadFailed(Exception exception);

    /// <summary>Somebody else has claimed the memory.</summary>
    void Fenced();
}
