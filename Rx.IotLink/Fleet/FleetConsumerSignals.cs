using System.Reactive.Concurrency;

namespace Rx.IotLink;

/// <summary>How the loop of a consumer waits and is woken, and what it says.</summary>
/// <param name="scheduler">The clock of its waits.</param>
internal sealed class FleetConsumerSignals(IScheduler scheduler)
{
    private const int NoticesKept = 64;

    private readonly Broadcast<LinkNotice> notices = new(scheduler, Replay.Nothing, NoticesKept, nameof(FleetConsumer.Notices), faults: null);

    // Guarded by the lock.
    private readonly Lock gate = new();
    private TaskCompletionSource? wake;
    private bool isWoken;

    /// <summary>What it says, from now on.</summary>
    public IObservable<LinkNotice> Notices => notices;

    /// <summary>Ends the wait, or the next one.</summary>
    public void Wake()
    {
        TaskCompletionSource? woken;
        lock (gate)
            (woken, wake, isWoken) = (wake, null, true);
        woken?.TrySetResult();
    }

    /// <summary>Waits for a time, or until it is woken. For one caller.</summary>
    public async Task WaitAsync(TimeSpan time)
    {
        TaskCompletionSource woken;
        lock (gate)
        {
            if (isWoken)
            {
                isWoken = false;
                return;
            }

            woken = wake = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        using (scheduler.Schedule(time, () => woken.TrySetResult()))
            await woken.Task.ConfigureAwait(false);
        lock (gate)
            (wake, isWoken) = (null, false);
    }

    /// <summary>Says something.</summary>
    public void Notify(LinkNotice notice)
    {
        notices.Post(notice);
        notices.Publish();
    }
}
