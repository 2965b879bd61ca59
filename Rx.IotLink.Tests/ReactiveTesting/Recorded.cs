namespace Microsoft.Reactive.Testing;

/// <summary>A value and the virtual time it belongs to.</summary>
/// <remarks>Not a record: that would offer tests members (with, deconstruction) which the package does not have.</remarks>
public readonly struct Recorded<T>(long time, T value) : IEquatable<Recorded<T>>
{
    /// <summary>The virtual time, in ticks.</summary>
    public long Time { get; } = time;

    /// <summary>The value.</summary>
    public T Value { get; } = value;

    // The left value decides: that is how an expected notification with a predicate gets to judge the actual one.
    /// <inheritdoc />
    public bool Equals(Recorded<T> other) => Time == other.Time && EqualityComparer<T>.Default.Equals(Value, other.Value);

    /// <inheritdoc />
    public override bool Equals(object? obj) => obj is Recorded<T> other && Equals(other);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(Time, Value);

    /// <summary>The value, an at sign and the time.</summary>
    public override string ToString() => $"{Value}@{Time}";

    /// <summary>Whether both have the same time and an equal value.</summary>
    public static bool operator ==(Recorded<T> left, Recorded<T> right) => left.Equals(right);

    /// <summary>Whether time or value differ.</summary>
    public static bool operator !=(Recorded<T> left, Recorded<T> right) => !left.Equals(right);
}
