using System.Reactive.Concurrency;
using System.Reactive.Linq;

namespace Rx.IotLink;

/// <summary>The devices of a fleet as a stream of what has changed.</summary>
internal static class FleetDevices
{
    private const string Forgotten = "it was forgotten";

    private static readonly TimeSpan EverySecond = TimeSpan.FromSeconds(1);

    /// <summary>Whether this is the last word on a device, which is forgotten.</summary>
    public static bool IsForgotten(FleetDevice device) => device is { IsUp: false, LastOutage: Forgotten };

    /// <summary>Asks again and again, and gives what is other than before.</summary>
    public static IObservable<FleetDevice> Observe(Func<CancellationToken, Task<IReadOnlyList<FleetDevice>>> ask, TimeSpan? refresh, IScheduler? scheduler)
    {
        var every = refresh ?? EverySecond;
        Require.InRange(every, TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1), nameof(refresh));
        var clock = scheduler ?? DefaultScheduler.Instance;
        return Observable.Defer(() =>
        {
            var known = new Dictionary<string, FleetDevice>(StringComparer.Ordinal);
            var pause = Observable.Timer(every, clock).Select(_ => (IReadOnlyList<FleetDevice>?)null).IgnoreElements();
            // While the store is away nothing is known to have changed.
            return Observable.FromAsync(async ct => (IReadOnlyList<FleetDevice>?)await ask(ct).ConfigureAwait(false))
                .Catch((SessionStoreException _) => Observable.Empty<IReadOnlyList<FleetDevice>?>())
                .Concat(pause).Repeat()
                .SelectMany(all => Changed(known, all!));
        }).Catch((ObjectDisposedException _) => Observable.Empty<FleetDevice>());
    }

    private static List<FleetDevice> Changed(Dictionary<string, FleetDevice> known, IReadOnlyList<FleetDevice> all)
    {
        var changed = new List<FleetDevice>();
        var gone = known.Keys.ToHashSet(StringComparer.Ordinal);
        foreach (var device in all)
        {
            gone.Remove(device.Id);
            if (known.TryGetValue(device.Id, out var before) && before == device)
                continue;
            known[device.Id] = device;
            changed.Add(device);
        }

        foreach (var id in gone)
        {
            known.Remove(id, out var last);
            changed.Add(last! with { IsUp = false, LastOutage = Forgotten });
        }

        return changed;
    }
}
