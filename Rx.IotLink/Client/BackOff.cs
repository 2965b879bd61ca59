namespace Rx.IotLink;

/// <summary>
/// Exponential back-off with jitter: the n-th delay is <c>min(Cap, Initial · Factor^n)</c>, less a random part of up to
/// <see cref="Jitter"/> of it. So devices that lost the server together do not come back together. After a link was up
/// for <see cref="LinkOptions.Timeout"/>, the delays start again with the first.
/// </summary>
/// <remarks>After M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.</remarks>
public sealed record BackOff
{
    /// <summary>The default values.</summary>
    public static BackOff Default { get; } = new();

    /// <summary>The first delay, before jitter. Default 500 ms; 1 ms to 1 h.</summary>
    public TimeSpan Initial { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The factor from one delay to the next. Default 2; 1 to 100.</summary>
    public double Factor { get; init; } = 2;

    /// <summary>The longest delay. Default 30 s; at least <see cref="Initial"/>, at most a day.</summary>
    public TimeSpan Cap { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The random part of a delay: 0 none, 1 all of it. Default 0.5.</summary>
    public double Jitter { get; init; } = 0.5;

    /// <summary>The delay before attempt <paramref name="attempt"/> (0 for the first repetition).</summary>
    /// <param name="attempt">How many delays came before this one.</param>
    /// <param name="random">A number from 0 (inclusive) to 1 (exclusive).</param>
    public TimeSpan Delay(int attempt, double random)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(attempt);
        // The cap is applied before the multiplication can overflow a TimeSpan.
        var full = Math.Min(Cap.Ticks, Initial.Ticks * Math.Pow(Factor, attempt));
        return TimeSpan.FromTicks((long)(full * (1 - (Jitter * random))));
    }

    /// <summary>The longest delay, minus its random part.</summary>
    internal TimeSpan Longest(double random) => Cap * (1 - (Jitter * random));

    internal void Validate()
    {
        Require.InRange(Initial, TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1), $"BackOff.{nameof(Initial)}");
        Require.InRange(Factor, 1, 100, $"BackOff.{nameof(Factor)}");
        Require.InRange(Cap, Initial, TimeSpan.FromDays(1), $"BackOff.{nameof(Cap)}");
        Require.InRange(Jitter, 0, 1, $"BackOff.{nameof(Jitter)}");
    }
}
