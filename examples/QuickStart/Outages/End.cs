using Rx.IotLink.Testing.Tcp;

namespace QuickStart.Outages;

/// <summary>The two ends of a link.</summary>
public enum End
{
    /// <summary>The server's.</summary>
    Server,

    /// <summary>The device's.</summary>
    Device,
}

/// <summary>An end of a link saw it come up or go down.</summary>
/// <param name="Device">Whose link.</param>
/// <param name="End">Which end.</param>
/// <param name="At">When, by the same stopwatch as the faults.</param>
/// <param name="IsUp">Whether it came up.</param>
/// <param name="Why">A sentence for people.</param>
public sealed record Sight(string Device, End End, TimeSpan At, bool IsUp, string Why);

/// <summary>A fault and what became of it.</summary>
/// <param name="Fault">The proxy's own record of it; null for an outage that no fault explains.</param>
/// <param name="Device">Whose link.</param>
/// <param name="FoundByServer">From the fault until the server's end went down; null if it did not.</param>
/// <param name="FoundByDevice">From the fault until the device's end went down; null if it did not.</param>
/// <param name="Healed">
/// From the fault until both ends were up again; null if nothing went down, or it lasts still.
/// </param>
public sealed record Finding(FaultRecord? Fault, string Device, TimeSpan? FoundByServer, TimeSpan? FoundByDevice, TimeSpan? Healed)
{
    /// <summary>Whether any end went down.</summary>
    public bool IsOutage => Fault is null || FoundByServer is not null || FoundByDevice is not null;
}
