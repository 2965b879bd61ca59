namespace Microsoft.Reactive.Testing;

/// <summary>The virtual times between which someone was subscribed.</summary>
/// <remarks>Not a record, for the reason given at <see cref="Recorded{T}"/>.</remarks>
public readonly struct Subscription(long subscribe, long unsubscribe) : IEquatable<Subscription>
{
    /// <summary>The end of a subscription that was never disposed.</summary>
    public const long Infinite = long.MaxValue;

    /// <summary>A subscription that has not ended.</summary>
    public Subscription(long subscribe)
        : this(subscribe, Infinite)
    {
    }

    /// <summary>When it began.</summary>
    public long Subscribe { get; } = subscribe;

    /// <summary>When it ended, or <see cref="Infinite"/>.</summary>
    public long Unsubscribe { get; } = unsubscribe;

    /// <inheritdoc />
    public bool Equals(Subscription other) => Subscribe == other.Subscribe && Unsubscribe == other.Unsubscribe;

    /// <inheritdoc />
    public override bool Equals(object? obj) => obj is Subscription other && Equals(other);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(Subscribe, Unsubscribe);

    /// <summary>Both times in parentheses.</summary>
    public override string ToString() => $"({Subscribe}, {(Unsubscribe == Infinite ? nameof(Infinite) : Unsubscribe)})";

    /// <summary>Whether both begin and end at the same times.</summary>
    public static bool operator ==(Subscription left, Subscription right) => left.Equals(right);

    /// <summary>Whether begin or end differ.</summary>
    public static bool operator !=(Subscription left, Subscription right) => !left.Equals(right);
}
