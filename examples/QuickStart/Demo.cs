using Rx.IotLink;

namespace QuickStart;

/// <summary>The times of this demonstration: hurried, so that twenty seconds hold dozens of outages.</summary>
internal static class Demo
{
    /// <summary>
    /// Silence after which an outage is declared. Protocol 1 does not negotiate it: both ends are given the same.
    /// </summary>
    public static TimeSpan Timeout { get; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long the end may take to deliver what was written, once nothing disturbs it any more.</summary>
    public static TimeSpan DrainTimeout { get; } = TimeSpan.FromSeconds(15);

    /// <summary>How often a device measures.</summary>
    public static TimeSpan MeasureEvery { get; } = TimeSpan.FromMilliseconds(50);

    /// <summary>How long a device waits before it connects again.</summary>
    public static BackOff BackOff { get; } = new() { Initial = TimeSpan.FromMilliseconds(100), Cap = TimeSpan.FromSeconds(1) };
}
