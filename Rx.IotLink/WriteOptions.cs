namespace Rx.IotLink;

/// <summary>What is promised for a written line, and when its write completes.</summary>
public sealed record WriteOptions
{
    /// <summary>The promise made for the line. Default <see cref="Delivery.ExactlyOnce"/>.</summary>
    public Delivery Delivery { get; init; } = Delivery.ExactlyOnce;

    /// <summary>
    /// Whether an exactly-once line keeps its place among the others. Default <see cref="Ordering.Ordered"/>.
    /// </summary>
    public Ordering Ordering { get; init; } = Ordering.Ordered;

    /// <summary>
    /// When the write completes. Default <see cref="WrittenUntil.Accepted"/>. <see cref="WrittenUntil.Stored"/> needs a
    /// session store and an exactly-once line.
    /// </summary>
    public WrittenUntil Until { get; init; } = WrittenUntil.Accepted;
}

/// <summary>When a write completes.</summary>
public enum WrittenUntil
{
    /// <summary>The peer's application has accepted the line (best effort: a connection has taken it).</summary>
    Accepted,

    /// <summary>
    /// The line is kept in the session store of this end. From then on this process, or a later one with the same
    /// store, delivers it. No report follows when that happens.
    /// </summary>
    Stored,
}
