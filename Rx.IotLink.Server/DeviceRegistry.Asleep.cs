using System.Reactive.Concurrency;
using Rx.IotLink.Protocol;
using Rx.IotLink.Time;

namespace Rx.IotLink.Server;

/// <summary>Devices that fell asleep before this server started.</summary>
internal sealed partial class DeviceRegistry
{
    private static readonly TimeSpan BetweenAttempts = TimeSpan.FromSeconds(10);

    private IDisposable? askingAgain;

    /// <summary>
    /// Opens the links of the devices of which the store says that they sleep. On a thread of the stores: the server
    /// does not wait for it.
    /// </summary>
    /// <param name="hasKey">Whether a device has a key. Code of the application.</param>
    /// <param name="stopped">The server stops.</param>
    public void OpenAsleep(Func<string, bool> hasKey, CancellationToken stopped)
    {
        if (options.SessionStore is not { } store || stopped.IsCancellationRequested)
            return;
        if (ReferenceEquals(options.Scheduler, DefaultScheduler.Instance))
            ObserverThreads.Stores.Run((Registry: this, store, hasKey, stopped), static s => _ = s.Registry.OpenAsleepAsync(s.store, s.hasKey, s.stopped));
        else
            _ = OpenAsleepAsync(store, hasKey, stopped);
    }

    /// <summary>Never throws.</summary>
    private async Task OpenAsleepAsync(ISessionStore store, Func<string, bool> hasKey, CancellationToken stopped)
    {
        try
        {
            foreach (var id in await store.FindIdsAsync((long)KeptSleep.Least, stopped).ConfigureAwait(false) ?? [])
                await OpenAsleepAsync(id, hasKey).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            if (stopped.IsCancellationRequested)
                return;
            // Whatever it was: those that are open stay open, and the others are looked for again.
            log.SleepersNotFound(exception);
            askingAgain = options.Scheduler.Schedule(BetweenAttempts, () => OpenAsleep(hasKey, stopped));
        }
    }

    private async Task OpenAsleepAsync(string id, Func<string, bool> hasKey)
    {
        // The store may give anything.
        if (id is null || LinkId.Fault(id, options.MaxIdBytes) is not null)
            return;
        var isStranger = !expected.Contains(id) && !hasKey(id);
        TaskCompletionSource<Opened> opened;
        lock (gate)
        {
            if (closed || members.ContainsKey(id) || opening.ContainsKey(id) || ending.Contains(id))
                return;
            // It has a place of a stranger as before, but takes nobody's.
            if (isStranger && (options.UnknownIds == UnknownIdPolicy.Refuse || !unknown.HasPlace(origin: null, out var givesWay, out _) || givesWay is not null))
                return;
            if (isStranger)
                unknown.Reserve();
            opening.Add(id, opened = new(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        var version = options.Protocol2 ? 2 : 1;
        await OpenStoreAsync(new(id, version, isStranger, Remote: null, IsConnecting: false, MustBeKept: true), opened).ConfigureAwait(false);
    }
}
