using System.Reactive.Concurrency;
using System.Runtime.InteropServices;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>
/// The records that one link has to keep, in their order. <see cref="Append"/> only queues a record. The journal of the
/// store (<see cref="StoreJournal"/>) writes it outside the lock, together with records of other links, and reports the
/// progress to the link. Records that could not be kept are written again, with longer pauses each time.
/// </summary>
/// <remarks>The lock is the link's: the code that has a record to keep holds it already.</remarks>
internal sealed class Journal
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly Lock gate;
    private readonly IJournalOwner owner;
    private readonly Deadlines deadlines;
    private readonly StoreJournal writer;
    private readonly LinkOptions options;

    // Guarded by the lock. The first of them, this many, are in the batch that is being written.
    private readonly List<Entry> entries = [];
    private int inBatch;
    private long tried;
    private int removals;
    private long appended;
    private long lastPosition;
    private bool atWork;
    private bool closed;
    private bool over;
    private TimeSpan? retryAt;
    private TimeSpan pause;
    private Alarm? alarm;
    private TaskCompletionSource? idle;

    /// <summary>The journal of a link that keeps its memory.</summary>
    /// <param name="claim">The claim under which it writes.</param>
    /// <param name="lastPosition">The greatest position of a line that was written before.</param>
    /// <param name="writer">The journal of the store.</param>
    /// <param name="gate">The link's lock.</param>
    /// <param name="options">The link's options.</param>
    /// <param name="deadlines">The link's clock.</param>
    /// <param name="owner">The link.</param>
    public Journal(SessionClaim claim, long lastPosition, StoreJournal writer, Lock gate, LinkOptions options, Deadlines deadlines, IJournalOwner owner)
    {
        (Claim, this.lastPosition, this.writer, this.gate, this.options, this.deadlines, this.owner) = (claim, lastPosition, writer, gate, options, deadlines, owner);
    }

    public SessionClaim Claim { get; }

    /// <summary>How long the store may take before a notice reports it.</summary>
    public TimeSpan Patience => options.Timeout;

    private bool HasThreads => ReferenceEquals(options.Scheduler, DefaultScheduler.Instance);

    /// <summary>
    /// Whether its records failed the last time. Then they are better not mixed with those of other links.
    /// </summary>
    public bool HasFailed { get; private set; }

    /// <summary>
    /// Whether so many lines came and went while the store fails that no more may come. Under the lock.
    /// </summary>
    public bool IsFull => removals >= options.OutboxLines + options.MaxWaitingWrites;

    /// <summary>How many received lines are not kept yet. Under the lock.</summary>
    public int Received { get; private set; }

    /// <summary>
    /// Queues a received line. It has no place of its own: places are those of the engine, which knows nothing of this
    /// record. It is kept with the record behind it. Under the lock.
    /// </summary>
    public void AppendReceived(in SessionRecord line)
    {
        Received++;
        entries.Add(new(line, appended, lastPosition));
    }

    /// <summary>Queues a record, and gives its place. Under the lock.</summary>
    public long Append(in SessionRecord record)
    {
        appended++;
        // So the queue stays as short as the session's memory, however long the store fails.
        if (record.Kind == SessionRecordKind.Begin)
            RemoveWaiting(static kind => kind is SessionRecordKind.Begin or SessionRecordKind.Accept);
        else if (entries.Count > inBatch && Covers(record, entries[^1].Record))
            entries.RemoveAt(entries.Count - 1);
        else if (record.Kind == SessionRecordKind.Remove && IsNeverAdded(record.Position))
            return appended;
        if (record.Kind == SessionRecordKind.Add)
            lastPosition = record.Position;
        else if (record.Kind == SessionRecordKind.Remove)
            removals++;
        entries.Add(new(record, appended, lastPosition));
        return appended;
    }

    /// <summary>Whether <see cref="Start"/> must be called now, once the lock is left. Under the lock.</summary>
    public bool TryBegin() => !atWork && !over && retryAt is null && entries.Count > 0 && (atWork = true);

    /// <summary>Starts to write the queued records, after <see cref="TryBegin"/> returned true.</summary>
    public void Start() => writer.Write(this);

    /// <summary>
    /// Puts records into a batch, as many as it has room for. False: there are none.
    /// </summary>
    public bool TryTake(Batch batch)
    {
        lock (gate)
        {
            atWork = entries.Count > 0 && !over;
            for (inBatch = 0; atWork && inBatch < entries.Count && (inBatch == 0 || batch.HasRoom || IsOneWithNext(entries[inBatch - 1].Record)); inBatch++)
                batch.Add(new(Claim, entries[inBatch].Record));
            if (inBatch > 0)
                tried = Math.Max(tried, entries[inBatch - 1].Place);
            return atWork;
        }
    }

    /// <summary>The records in the batch are kept. Gives whether there are more.</summary>
    public bool Written()
    {
        long place;
        lock (gate)
        {
            place = entries[inBatch - 1].Place;
            foreach (ref readonly var entry in CollectionsMarshal.AsSpan(entries)[..inBatch])
            {
                if (entry.Record.Kind == SessionRecordKind.Remove)
                    removals--;
                else if (entry.Record.Kind == SessionRecordKind.Receive)
                    Received--;
            }

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
    /// The records in the batch could not be kept. The next attempt follows after a pause, which is longer each time.
    /// </summary>
    public void Failed(Exception exception)
    {
        lock (gate)
        {
            pause = pause == TimeSpan.Zero ? FirstPause : pause + pause < LongestPause ? pause + pause : LongestPause;
            (inBatch, HasFailed) = (0, true);
        }

        // Reported before the next attempt can begin, so that the failure is reported before the recovery.
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

    /// <summary>Another owner has claimed the memory: no more records of this link are kept.</summary>
    public void Fenced()
    {
        lock (gate)
            (over, atWork) = (true, false);
        _ = TryTell(this, static (owner, _) => owner.Fenced());
        EndIfDone();
    }

    /// <summary>Reads lines that wait, and gives them to the link.</summary>
    public void Read(long after, int count) => writer.Read(this, after, count);

    /// <summary>Lines that were read, if they are as lines of this link are.</summary>
    /// <exception cref="SessionStoreException">They are not.</exception>
    public IReadOnlyList<StoredLine> Checked(IReadOnlyList<StoredLine> lines, long after, int count)
    {
        long last;
        lock (gate)
            last = lastPosition;
        return CheckedAnswers.Of(lines, Claim.Id, after, count, last, options.MaxLineBytes);
    }

    /// <summary>Lines were read.</summary>
    public void Loaded(IReadOnlyList<StoredLine> lines) => _ = TryTell(lines, static (owner, read) => owner.Loaded(read));

    /// <summary>Lines could not be read.</summary>
    public void LoadFailed(Exception exception) => _ = TryTell(exception, static (owner, failure) => owner.LoadFailed(failure));

    /// <summary>The store has not answered for so long.</summary>
    public void Waits(TimeSpan time) => _ = TryTell(time, static (owner, waited) => owner.SaveWaits(waited));

    /// <summary>Completes when all records so far are kept, or are dropped. Under the lock.</summary>
    public Task WhenIdle() => over || (!atWork && entries.Count == 0)
        ? Task.CompletedTask
        : (idle ??= new(HasThreads ? TaskCreationOptions.RunContinuationsAsynchronously : TaskCreationOptions.None)).Task;

    /// <summary>
    /// Accepts no more records. The remaining ones are written once more, and dropped if that fails. Under the lock.
    /// </summary>
    public void Close() => (closed, retryAt) = (true, null);

    /// <summary>Drops the remaining records after the longest wait.</summary>
    public void GiveUp()
    {
        lock (gate)
            over = true;
        EndIfDone();
    }

    /// <summary>Ends its waiter and its timer, if nothing is left to do. After the lock.</summary>
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
    /// Reports to the link. The link may end a connection of the application, which may throw. The journal of the store
    /// serves other links too, so it must continue.
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

    /// <summary>Whether a record makes the one right before it unnecessary.</summary>
    private static bool Covers(in SessionRecord record, in SessionRecord before) => record.Kind == before.Kind && before.GivenUp is null
        && record.Kind is SessionRecordKind.Connect or SessionRecordKind.RemoveThrough or SessionRecordKind.Accept;

    /// <summary>
    /// Whether the record behind this one must be in the same commit: a received line, and its acceptance, which may
    /// come behind a new beginning.
    /// </summary>
    private static bool IsOneWithNext(in SessionRecord record) => record.Kind is SessionRecordKind.Receive or SessionRecordKind.Begin;

    /// <summary>
    /// A line is removed. Its record is dropped if it waits here, so that lines which come and go while the store fails
    /// do not make the queue longer and longer.
    /// </summary>
    /// <returns>
    /// Whether the store never saw it, so that there is nothing to remove. A record that failed may be kept all the
    /// same.
    /// </returns>
    private bool IsNeverAdded(long position)
    {
        var at = IndexOf(position);
        if (at < inBatch || entries[at] is not { Record.Kind: SessionRecordKind.Add } entry || entry.Record.Position != position)
            return false;
        // The place of the removal is reported as kept together with that of another record: one must be left.
        var isNew = entry.Place > tried && entries.Count > 1;
        if (isNew || entry.Place <= tried)
            entries.RemoveAt(at);
        if (isNew)
            entries[^1] = entries[^1] with { Place = appended };
        return isNew;
    }

    /// <summary>Where the record of a line is, if it is there: positions rise.</summary>
    private int IndexOf(long position)
    {
        var (low, high) = (0, entries.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (entries[middle].LastPosition < position)
                low = middle + 1;
            else
                high = middle;
        }

        return low < entries.Count ? low : -1;
    }

    /// <summary>Removes records of these kinds, unless they are being written.</summary>
    private void RemoveWaiting(Func<SessionRecordKind, bool> which)
    {
        for (var at = entries.Count - 1; at >= inBatch; at--)
        {
            if (which(entries[at].Record.Kind))
                entries.RemoveAt(at);
        }
    }

    /// <summary>A record that waits.</summary>
    /// <param name="Record">The record.</param>
    /// <param name="Place">Its place, or that of a later one that needs nothing more.</param>
    /// <param name="LastPosition">The greatest position up to it.</param>
    private readonly record struct Entry(SessionRecord Record, long Place, long LastPosition);

    private void Remind(TimeSpan? due)
    {
        if (due is null)
            return;
        Alarm reminder;
        lock (gate)
            reminder = alarm ??= new CallingAlarm(deadlines, Rang);
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

/// <summary>Receives the progress of a journal. Called outside the lock.</summary>
internal interface IJournalOwner
{
    /// <summary>All records up to this place are kept, and the store works.</summary>
    void Saved(long upTo);

    /// <summary>The store failed; the remaining records are written again.</summary>
    void SaveFailed(Exception exception);

    /// <summary>The store has not answered for so long.</summary>
    void SaveWaits(TimeSpan time);

    /// <summary>Lines were read that were asked for.</summary>
    void Loaded(IReadOnlyList<StoredLine> lines);

    /// <summary>Lines that were asked for could not be read.</summary>
    void LoadFailed(Exception exception);

    /// <summary>Another owner has claimed the memory.</summary>
    void Fenced();
}
