namespace Rx.IotLink.Protocol;

/// <summary>
/// The sleep of a device as one number. A server has no connections to count, so it keeps the number where a client
/// keeps that of its last connection (<see cref="SessionMemory.Connections"/>): any store can keep it.
/// </summary>
/// <param name="Since">Since when, in whole seconds.</param>
/// <param name="For">For how long, in whole seconds.</param>
internal readonly record struct KeptSleep(DateTimeOffset Since, TimeSpan For)
{
    /// <summary>The least such number. No client makes so many connections.</summary>
    public const ulong Least = 1UL << 62;

    /// <summary>366 days have fewer seconds than these bits can count.</summary>
    private const int ForBits = 25;

    /// <summary>The last second that can be kept is in the year 4356.</summary>
    private const ulong LastSecond = (Least >> ForBits) - 1;

    /// <summary>The number.</summary>
    public ulong Number => Least | (Math.Min((ulong)(Since.UtcTicks / TimeSpan.TicksPerSecond), LastSecond) << ForBits) | (ulong)For.TotalSeconds;

    /// <summary>A sleep that begins now; parts of a second are not kept.</summary>
    public static KeptSleep From(DateTimeOffset now, TimeSpan time) => new(new(now.UtcTicks - (now.UtcTicks % TimeSpan.TicksPerSecond), TimeSpan.Zero), time);

    /// <summary>The sleep that a number says; null: it says none.</summary>
    public static KeptSleep? Of(ulong number)
    {
        var seconds = number & ((1UL << ForBits) - 1);
        return number is >= Least and <= long.MaxValue && seconds > 0
            ? new(new((long)((number - Least) >> ForBits) * TimeSpan.TicksPerSecond, TimeSpan.Zero), TimeSpan.FromSeconds(seconds))
            : null;
    }
}
