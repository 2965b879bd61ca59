using System.Globalization;

namespace Rx.IotLink.Telemetry;

/// <summary>The values of tags: the names of the enumerations in the form that OpenTelemetry uses.</summary>
internal static class Words
{
    public static readonly string[] OutageReasons = Of<OutageReason>();

    public static readonly string[] LinkStates = Of<LinkStatus>();

    public static readonly string[] Deliveries = Of<Delivery>();

    /// <summary>The names, by value; the values count from zero.</summary>
    public static string[] Of<T>()
        where T : struct, Enum => [.. Enum.GetNames<T>().Select(Snake)];

    private static string Snake(string name) => string.Concat(
        name.Select((c, at) => at > 0 && char.IsUpper(c) ? $"_{char.ToLower(c, CultureInfo.InvariantCulture)}" : $"{char.ToLower(c, CultureInfo.InvariantCulture)}"));
}
