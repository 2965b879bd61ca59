using System.Text;

namespace Rx.IotLink.Testing;

/// <summary>A value and the time at which it came, since the start of the network.</summary>
/// <param name="At">The time.</param>
/// <param name="Value">The value.</param>
public readonly record struct Moment<T>(TimeSpan At, T Value);

/// <summary>
/// The values of a stream with their times, to compare as values, as moments, or as a marble diagram.
/// </summary>
public sealed class Recording<T> : IDisposable
{
    private readonly List<Moment<T>> moments = [];
    private readonly Func<TimeSpan> now;
    private readonly IDisposable subscription;

    internal Recording(IObservable<T> source, Func<TimeSpan> now)
    {
        this.now = now;
        subscription = source.Subscribe(
            value => moments.Add(new(now(), value)),
            error => (EndedAt, Error) = (now(), error),
            () => EndedAt = now());
    }

    /// <summary>The values with their times.</summary>
    public IReadOnlyList<Moment<T>> Moments => moments;

    /// <summary>The values.</summary>
    public IReadOnlyList<T> Values => [.. moments.Select(m => m.Value)];

    /// <summary>When the stream ended, or null.</summary>
    public TimeSpan? EndedAt { get; private set; }

    /// <summary>The error of the stream, or null.</summary>
    public Exception? Error { get; private set; }

    /// <summary>
    /// A marble diagram: one character for each span of time, from the beginning of the network until now (or the
    /// stream's end). <c>-</c> is a span in which nothing came, a symbol one value, <c>(ab)</c> several values,
    /// <c>|</c> the end, <c>#</c> the end by an error.
    /// </summary>
    /// <remarks>
    /// Unlike in some dialects, a group counts as one character, so that the n-th place is always the n-th span.
    /// </remarks>
    /// <param name="span">The time of one place.</param>
    /// <param name="symbol">The character for a value.</param>
    /// <exception cref="ArgumentOutOfRangeException">The span is not positive.</exception>
    public string Marbles(TimeSpan span, Func<T, char> symbol)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(span, TimeSpan.Zero);
        ArgumentNullException.ThrowIfNull(symbol);
        var spans = (int)((EndedAt ?? now()).Ticks / span.Ticks) + (EndedAt is null ? 0 : 1);
        var places = new string[Math.Max(spans, moments.Count == 0 ? 0 : PlaceOf(moments[^1].At) + 1)];
        Array.Fill(places, "");
        foreach (var moment in moments)
            places[PlaceOf(moment.At)] += symbol(moment.Value);
        if (EndedAt is { } end)
            places[PlaceOf(end)] += Error is null ? '|' : '#';
        return places.Aggregate(new StringBuilder(), (text, place) => place.Length switch
        {
            0 => text.Append('-'),
            1 => text.Append(place),
            _ => text.Append('(').Append(place).Append(')'),
        }).ToString();

        int PlaceOf(TimeSpan at) => (int)(at.Ticks / span.Ticks);
    }

    /// <summary>Ends the recording.</summary>
    public void Dispose() => subscription.Dispose();
}
