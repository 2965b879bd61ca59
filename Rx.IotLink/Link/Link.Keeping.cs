using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using Rx.IotLink.Engine;

namespace Rx.IotLink;

/// <summary>The results of keeping records (<see cref="Journal"/>).</summary>
internal sealed partial class Link
{
    // Guarded by the lock: the waiters until the store works again.
    private AsyncSubject<Unit>? storeHeals;

    /// <summary>Completes, once this end is closed, when the memory is kept, or cannot be.</summary>
    public Task Kept { get; private set; } = Task.CompletedTask;

    /// <summary>The claim to its memory in the session store, if there is one.</summary>
    public SessionClaim? Claim => journal?.Claim;

    /// <summary>Why the store does not work; null if no failure is known.</summary>
    public Outage? StoreFault
    {
        get
        {
            lock (gate)
                return engine.StoreFault;
        }
    }

    /// <summary>Whether the store fails, so that a connection would be useless.</summary>
    public bool StoreFails
    {
        get
        {
            lock (gate)
                return engine.StoreFails;
        }
    }

    /// <summary>One value, when the store works again; null if it does not fail.</summary>
    public IObservable<Unit>? StoreHeals
    {
        get
        {
            lock (gate)
                return engine.StoreFails ? (storeHeals ??= new()).AsObservable() : null;
        }
    }

    /// <summary>Another claim has fenced this one out: nothing of this link is kept any more.</summary>
    public void FenceOut() => journal?.Fenced();

    /// <summary>
    /// Lines that are handled now go to the store, before the records that accept them. Under the lock.
    /// </summary>
    private void KeepReceived()
    {
        if (!inbox.KeepsLines)
            return;
        while (inbox.TryTakeKept(engine.Handled, out var record))
            journal!.AppendReceived(record);
        inbox.MayHandOut(journal!.Received);
    }

    void IJournalOwner.Saved(long upTo)
    {
        Work work;
        AsyncSubject<Unit>? healed;
        lock (gate)
        {
            (healed, storeHeals) = (storeHeals, null);
            Step(Input.Saved(Moment(), upTo), out work);
        }

        Perform(ref work);
        healed?.OnNext(Unit.Default);
        healed?.OnCompleted();
    }

    void IJournalOwner.Loaded(IReadOnlyList<StoredLine> lines)
    {
        var timeOfDay = options.Scheduler.Now;
        Work work = default;
        bool areThey;
        lock (gate)
        {
            areThey = engine.MayBeLoaded(lines);
            if (areThey)
                Step(Input.Loaded(Moment(), lines, timeOfDay), out work);
        }

        if (areThey)
            Perform(ref work);
        else
            LoadFailed(CheckedAnswers.MoreThanWait(Id));
    }

    void IJournalOwner.LoadFailed(Exception exception) => LoadFailed(exception);

    private void LoadFailed(Exception exception)
    {
        var fault = new Outage(OutageReason.StoreFailed, $"the session store could not be read: {Said(exception)}");
        Work work;
        lock (gate)
            Step(Input.LoadFailed(Moment(), fault, exception), out work);
        Perform(ref work);
    }

    void IJournalOwner.SaveFailed(Exception exception)
    {
        // Made before the lock: the message of the exception is foreign code.
        var fault = new Outage(OutageReason.StoreFailed, $"the session store failed with {Said(exception)}");
        Work work;
        lock (gate)
            Step(Input.SaveFailed(Moment(), fault, exception), out work);
        Perform(ref work);
    }

    void IJournalOwner.SaveWaits(TimeSpan time)
    {
        var fault = new Outage(OutageReason.StoreFailed, $"the session store has not answered for {time.TotalSeconds:0.#} s");
        Work work;
        lock (gate)
            Step(Input.SaveWaits(Moment(), fault), out work);
        Perform(ref work);
    }

    /// <summary>Another owner sends and accepts the lines now; this end would do both a second time.</summary>
    void IJournalOwner.Fenced() =>
        Finish(LinkStatus.Closed, new Outage(OutageReason.ClaimedElsewhere, "another process, or another link, has claimed this device's memory in the session store"));

    /// <summary>The exception's class belongs to the store: even its message may throw.</summary>
    private static string Said(Exception exception)
    {
        try
        {
            return $"{exception.GetType().Name}: {exception.Message}";
        }
        catch (Exception)
        {
            return exception.GetType().Name;
        }
    }

    /// <summary>
    /// Writes the rest of the journal. A store that blocks does not delay the end for longer than a peer would.
    /// </summary>
    private async Task FinishJournalAsync(Journal ending)
    {
        Task idle;
        lock (gate)
            idle = ending.WhenIdle();
        ending.EndIfDone();
        if (idle.IsCompleted)
            return;
        using var limit = options.Scheduler.Schedule(options.Timeout, ending.GiveUp);
        await idle.ConfigureAwait(false);
    }
}
