using System.Diagnostics.Metrics;

namespace Rx.IotLink;

/// <summary>
/// How a server or a client reports its metrics. The meter and the source of activities (spans) are both named
/// <c>Rx.IotLink</c>; docs/telemetry.md lists the metrics. Nothing is measured while nobody listens.
/// </summary>
public sealed record TelemetryOptions
{
    /// <summary>The defaults.</summary>
    public static TelemetryOptions Default { get; } = new();

    /// <summary>
    /// Makes the meter. Servers and clients with the same factory share one meter. Default null: the host's factory in
    /// a host; otherwise one meter for the process.
    /// </summary>
    public IMeterFactory? MeterFactory { get; init; }

    /// <summary>
    /// The value of the tag <c>iotlink.name</c>, to distinguish several servers of a process. Default null: no such
    /// tag, and their metrics are added up. At most 128 characters.
    /// </summary>
    public string? Name { get; init; }

    /// <summary>
    /// How many devices have series of their own, with the tag <c>iotlink.device.id</c>: the first ones that are seen.
    /// The other devices share the series without that tag. Each device adds about 15 series. Default 0, since a fleet
    /// is too large for that; 0 to 10,000.
    /// </summary>
    public int MaxDevices { get; init; }

    internal void Validate()
    {
        Require.InRange(MaxDevices, 0, 10_000, $"{nameof(LinkOptions.Telemetry)}.{nameof(MaxDevices)}");
        Require.InRange(Name?.Length ?? 1, 1, 128, $"{nameof(LinkOptions.Telemetry)}.{nameof(Name)}.Length");
    }
}
