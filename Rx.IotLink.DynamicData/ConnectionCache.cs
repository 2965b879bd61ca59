using DynamicData;

namespace Rx.IotLink.Server;

/// <summary>The fleet as an observable cache, for those who have DynamicData.</summary>
public static class ConnectionCache
{
    /// <summary>
    /// The server's devices by their id, kept up to date: who is there when it is called, then each one that has
    /// changed. A device never leaves the cache (see <c>ExpireAfter</c>): one that the server has forgotten stays as
    /// closed; once the server has stopped all of them are closed, and the cache completes.
    /// </summary>
    /// <remarks>
    /// DynamicData calls the observers of a cache one after the other, on the thread of the server's observers: one
    /// that blocks delays the others, and one that throws ends the updates of this cache (the server logs it), neither
    /// of which touches the server or another cache.
    /// </remarks>
    /// <param name="server">The server.</param>
    /// <param name="refresh">
    /// How often devices are updated whose counts or last line have changed: 10 ms to a day. Default null: only when
    /// they come up or go down.
    /// </param>
    /// <returns>
    /// A cache of its own for each call. Dispose it when it is not needed any more, or let it end with the server.
    /// </returns>
    /// <exception cref="ArgumentException"><paramref name="refresh"/> is out of range.</exception>
    public static IObservableCache<DeviceConnection, string> Connections(this IotLinkServer server, TimeSpan? refresh = null)
    {
        ArgumentNullException.ThrowIfNull(server);
        return server.ObserveConnections(refresh).ToObservableChangeSet(device => device.Id).AsObservableCache();
    }

    /// <summary>
    /// The devices of a whole fleet by their id, at whichever server they are: see <see cref="IFleet.ObserveDevices"/>.
    /// A device never leaves the cache; one that was forgotten stays as down.
    /// </summary>
    /// <param name="fleet">The fleet.</param>
    /// <param name="refresh">How often the store is asked: 10 ms to a day. Default null: every second.</param>
    /// <returns>A cache of its own for each call. Dispose it when it is not needed any more.</returns>
    /// <exception cref="ArgumentException"><paramref name="refresh"/> is out of range.</exception>
    public static IObservableCache<FleetDevice, string> Devices(this IFleet fleet, TimeSpan? refresh = null)
    {
        ArgumentNullException.ThrowIfNull(fleet);
        return fleet.ObserveDevices(refresh).ToObservableChangeSet(device => device.Id).AsObservableCache();
    }
}
