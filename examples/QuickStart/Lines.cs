using System.Text.Json;

namespace QuickStart;

/// <summary>A line from a device.</summary>
/// <param name="N">The number of the line, for the checker.</param>
/// <param name="Ms">When it was measured, in milliseconds since the program started.</param>
/// <param name="Value">What was measured.</param>
internal sealed record Reading(long N, double Ms, double Value);

/// <summary>A line to a device.</summary>
/// <param name="N">The number of the line, for the checker.</param>
/// <param name="Led">Whether its lamp shall be on.</param>
internal sealed record Command(long N, bool Led);

/// <summary>Lines of text and what they mean: JSON, since a line is any text without a line feed.</summary>
internal static class Lines
{
    /// <summary>
    /// The number of a line that cannot be read: no line was written with it, so the checker will say so.
    /// </summary>
    public const long Unreadable = -1;

    public static string ToLine<T>(this T message) => JsonSerializer.Serialize(message, JsonSerializerOptions.Web);

    public static Reading ToReading(this string line) => Read<Reading>(line) ?? new Reading(Unreadable, 0, 0);

    public static Command ToCommand(this string line) => Read<Command>(line) ?? new Command(Unreadable, Led: false);

    private static T? Read<T>(string line)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(line, JsonSerializerOptions.Web);
        }
        catch (JsonException)
        {
            return default;
        }
    }
}
