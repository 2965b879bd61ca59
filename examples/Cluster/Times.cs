using System.Globalization;

namespace Examples.Cluster;

/// <summary>The times of this demonstration: hurried, so that half a minute holds a dozen faults.</summary>
internal static class Times
{
    /// <summary>Silence after which an outage is declared.</summary>
    public static TimeSpan Timeout { get; } = TimeSpan.FromSeconds(1);

    /// <summary>After how long another process takes the partitions of one that is silent.</summary>
    public static TimeSpan Lease { get; } = TimeSpan.FromSeconds(2);

    /// <summary>How often a device measures.</summary>
    public static TimeSpan MeasureEvery { get; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How often a few connections are cut.</summary>
    public static TimeSpan CutEvery { get; } = TimeSpan.FromMilliseconds(300);

    /// <summary>How long the end waits for something more.</summary>
    public static TimeSpan Drain { get; } = TimeSpan.FromSeconds(20);
}

/// <summary>The lines of this demonstration are numbers.</summary>
internal static class Number
{
    /// <summary>A line that is none counts as one that nobody wrote.</summary>
    public static long Of(string line) => long.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1;
}
