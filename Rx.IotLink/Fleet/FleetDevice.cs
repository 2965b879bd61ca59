namespace Rx.IotLink;

/// <summary>A device of the fleet, at one moment. From <see cref="IFleet.GetDevicesAsync"/>.</summary>
/// <param name="Id">The device.</param>
/// <param name="Node">The server that has it, or had it last.</param>
/// <param name="IsUp">
/// Whether its link is up. A server that has died is known to be gone after 15 seconds; until then its devices are up,
/// unless another server has them.
/// </param>
/// <param name="Since">Since when it is up or down; null: it has not been up, as far as is known.</param>
/// <param name="LastOutage">Why it was down the last time; null: it never was, as far as is known.</param>
public sealed record FleetDevice(string Id, string Node, bool IsUp, DateTimeOffset? Since, string? LastOutage);
