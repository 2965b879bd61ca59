namespace Rx.IotLink.Testing.Tcp;

/// <summary>Checks of arguments: a failure names the limits and the given value.</summary>
internal static class Range
{
    /// <summary>No fault lasts longer, unless it lasts until it is healed.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    /// <summary>No latency or pause within a fault is longer.</summary>
    public static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    public static void Check<T>(T value, T least, T most, string name)
        where T : IComparable<T>
    {
        if (value.CompareTo(least) < 0 || value.CompareTo(most) > 0)
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be {least} to {most}, not {value}.");
    }

    public static void Check<T>(T value, string name)
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value))
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be one of {string.Join(", ", Enum.GetNames<T>())}, not {value}.");
    }

    public static void Given(object? value, string name)
    {
        if (value is null)
            throw new ArgumentNullException(name, $"{name} must be given.");
    }
}
