namespace Rx.IotLink;

/// <summary>
/// Checks of options: each failure is one exception that names the option, its limits and the given value.
/// </summary>
internal static class Require
{
    public static void InRange<T>(T value, T least, T most, string option)
        where T : IComparable<T>
    {
        if (value.CompareTo(least) < 0 || value.CompareTo(most) > 0)
            throw new ArgumentOutOfRangeException(option, value, $"{option} must be {least} to {most}.");
    }

    public static void Defined<T>(T value, string option)
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value))
            throw new ArgumentOutOfRangeException(option, value, $"{option} must be one of {string.Join(", ", Enum.GetNames<T>())}.");
    }

    public static void NotFaulty(string? fault, object value, string option)
    {
        if (fault is not null)
            throw new ArgumentException($"{option} '{value}' {fault}.", option);
    }

    public static void NotNull(object? value, string option)
    {
        if (value is null)
            throw new ArgumentNullException(option, $"{option} must be given.");
    }
}
