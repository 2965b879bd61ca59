using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Subjects;

namespace Rx.IotLink;

/// <summary>What becomes of what is to be kept (<see cref="Journal"/>).</summary>
internal sealed partial class Link
{
    // Why the store does not work, from its first failure until it works again, and who waits for that.
    private Outage? storeFault;
    private AsyncSubject<Unit>? storeHeals;
    private bool storeFails;

    /// <summary>Completes, once this end is closed, when the memory is kept, or cannot be.</summary>
    public Task Kept { get; private set; } = Task.CompletedTask;

    /// <summary>Why the store does not work, or null: it does, as far as is known.</summary>
    public Outage? StoreFault
    {
        get
        {
            lock (gate)
                return storeFault;
        }
    }

    /// <summary>Whether the store fails, so that a connection would be of no use.</summary>
    public bool StoreFails
    {
        get
        {
            lock (gate)
                return storeFails;
        }
    }

    /// <summary>One value, when the store works again; or null: it does not fail.</summary>
    public IObservable<Unit>? StoreHeals
    {
        get
        {
            lock (gate)
                return storeFails ? (storeHeals ??= new()).AsObservable() : null;
        }
    }

    void IJournalOwner.Saved(long upTo)
    {
        Deeds deeds;
        AsyncSubject<Unit>? healed;
        lock (gate)
        {
            if (storeFault is not null && !state.IsFinal)
                notices.Post(new LinkNotice(LinkNoticeKind.StoreWorks, "the session store works again"));
            (healed, storeHeals, storeFault, storeFails) = (storeHeals, null, null, false);
            AcceptHandled();
            protocol.Saved(upTo, Now);
            deeds = Note();
        }

        Carry(ref deeds);
        healed?.OnNext(Unit.Default);
        healed?.OnCompleted();
    }

    /// <summary>
    /// The connection does not go on: its lines would not be accepted. The next one resumes the session when the store
    /// works again.
    /// </summary>
    void IJournalOwner.SaveFailed(Exception exception, long? upTo)
    {
        Deeds deeds;
        lock (gate)
        {
            if (upTo is { } saved)
                protocol.Saved(saved, Now);
            storeFault = new Outage(OutageReason.StoreFailed, $"the session store failed with {exception.GetType().Name}: {exception.Message}");
            if (!storeFails && !state.IsFinal)
            {
                notices.Post(new LinkNotice(LinkNoticeKind.StoreFailed, storeFault.Detail, exception));
                if (!state.IsUp)
                    Become(state.Status, storeFault);
            }

            storeFails = true;
            if (session is not null)
                leaving = new Leaving(session, storeFault, Final: false);
            deeds = Note();
        }

        Carry(ref deeds);
    }

    void IJournalOwner.SaveWaits(TimeSpan time)
    {
        lock (gate)
        {
            if (storeFault is not null || state.IsFinal)
                return;
            storeFault = new Outage(OutageReason.StoreFailed, $"the session store has not answered for {time.TotalSeconds:0.#} s");
            notices.Post(new LinkNotice(LinkNoticeKind.StoreFailed, storeFault.Detail));
        }

        AfterLock();
    }

    /// <summary>
    /// What is left in the journal is written; but a store that blocks does not hold up the end for longer than a peer
    /// would.
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
