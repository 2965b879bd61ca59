using System.Collections.Concurrent;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using Rx.IotLink.Server;

namespace Rx.IotLink.Mqtt;

/// <summary>The devices whose states are published.</summary>
internal interface IKnownDevices
{
    /// <summary>All of them.</summary>
    IEnumerable<string> Ids { get; }

    /// <summary>How a device is now; null: it is not known.</summary>
    LinkStatus? StatusOf(string id);
}

/// <summary>Those of a server alone.</summary>
/// <param name="server">The server.</param>
internal sealed class DevicesOfServer(IotLinkServer server) : IKnownDevices
{
    public IEnumerable<string> Ids => server.GetConnections().Select(device => device.Id);

    public LinkStatus? StatusOf(string id) => server.GetConnection(id)?.State.Status;

    /// <summary>Has each change published.</summary>
    public IDisposable Observe(DeviceStates states) => new CompositeDisposable(
        server.ObserveConnections().Subscribe(device => states.Changed(device.Id), _ => states.End(), states.End),
        server.Changes.Where(change => change.Kind == LinkChangeKind.Forgotten).Subscribe(change => states.Forgotten(change.Id)));
}

/// <summary>Those of a fleet that several servers share.</summary>
/// <param name="fleet">The fleet.</param>
/// <param name="options">The clock, and the delays while its store is away.</param>
internal sealed class DevicesOfFleet(IFleet fleet, MqttGatewayOptions options) : IKnownDevices
{
    private readonly ConcurrentDictionary<string, LinkStatus> known = new(StringComparer.Ordinal);

    public IEnumerable<string> Ids => known.Keys;

    public LinkStatus? StatusOf(string id) => known.TryGetValue(id, out var status) ? status : null;

    /// <summary>Has each change published.</summary>
    /// <param name="states">Publishes them.</param>
    /// <param name="begun">Called when all devices are known. Until then none counts as unknown.</param>
    public IDisposable Observe(DeviceStates states, Action begun)
    {
        known.Clear();
        var all = Observable.FromAsync(fleet.GetDevicesAsync).RetryWithBackoff(options.BackOff, scheduler: options.Scheduler);
        return all.Do(devices =>
        {
            foreach (var device in devices)
                known[device.Id] = StatusOf(device);
            begun();
        }).SelectMany(_ => fleet.ObserveDevices(scheduler: options.Scheduler)).Subscribe(device =>
        {
            if (FleetDevices.IsForgotten(device))
                known.TryRemove(device.Id, out _);
            else
                known[device.Id] = StatusOf(device);
            states.Changed(device.Id);
        }, _ => states.End());
    }

    private static LinkStatus StatusOf(FleetDevice device) => device.IsUp ? LinkStatus.Up : LinkStatus.Down;
}
