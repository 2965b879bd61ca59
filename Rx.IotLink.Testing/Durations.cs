namespace Rx.IotLink.Testing;

/// <summary>Short forms for durations: <c>10.s()</c>, <c>250.ms()</c>, <c>1.5.min()</c>.</summary>
#pragma warning disable IDE1006 // The symbols of the units, as SI writes them.
public static class Durations
{
    /// <summary>Milliseconds.</summary>
    public static TimeSpan ms(this int value) => TimeSpan.FromMilliseconds(value);

    /// <summary>Milliseconds, to the tick of 100 ns.</summary>
    public static TimeSpan ms(this double value) => TimeSpan.FromMilliseconds(value);

    /// <summary>Seconds.</summary>
    public static TimeSpan s(this int value) => TimeSpan.FromSeconds(value);

    /// <summary>Seconds, to the tick of 100 ns.</summary>
    public static TimeSpan s(this double value) => TimeSpan.FromSeconds(value);

    /// <summary>Minutes.</summary>
    public static TimeSpan min(this int value) => TimeSpan.FromMinutes(value);

    /// <summary>Minutes, to the tick of 100 ns.</summary>
    public static TimeSpan min(this double value) => TimeSpan.FromMinutes(value);

    /// <summary>Hours.</summary>
    public static TimeSpan h(this int value) => TimeSpan.FromHours(value);

    /// <summary>Hours, to the tick of 100 ns.</summary>
    public static TimeSpan h(this double value) => TimeSpan.FromHours(value);
}
#pragma warning restore IDE1006
