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

    /// <summary>
    /// How long the line may wait to be sent. If it was not sent by then it is dropped, and its writer gets
    /// <see cref="LineExpiredException"/>. Default null: for as long as it takes, but see
    /// <see cref="LinkOptions.StoredFor"/>. 1 ms to 3,650 days.
    /// </summary>
    /// <remarks>
    /// A line that was sent is not dropped any more: it is delivered, however late the peer accepts it. Within a
    /// process the time is measured by a clock that nobody sets. Across a restart (with a session store) the time of
    /// day counts; and a line that an earlier process may have sent is dropped when the peer has said, on the next
    /// connection, that it does not have it.
    /// </remarks>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>
    /// What the line is about, where only the last line counts: it replaces the line of the same key and
    /// <see cref="Delivery"/> that waits and was not sent yet. The writer of that one gets
    /// <see cref="LineReplacedException"/>. Default null: it replaces none. 1 to 128 bytes of UTF-8.
    /// </summary>
    /// <remarks>
    /// The newer line goes to the end, so lines arrive in the order in which they were written. It counts for the
    /// bounds of the outbox as if the older one were gone. A key is not sent to the peer; a session store keeps it.
    /// </remarks>
    public string? Key { get; init; }

    /// <summary>Its number in the outbox of a fleet, from which it comes; 0: it comes from elsewhere.</summary>
    internal long Entry { get; init; }

    /// <summary>Throws if a value is out of its range.</summary>
    internal void Validate()
    {
        Require.Defined(Delivery, nameof(Delivery));
        Require.Defined(Ordering, nameof(Ordering));
        Require.Defined(Until, nameof(Until));
        if (TimeToLive is { } time)
            Require.InRange(time, TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(3_650), nameof(TimeToLive));
        if (Key is not null)
            Require.NotFaulty(FaultOf(Key), Protocol.Printable.Of(Key), nameof(Key));
    }

    /// <summary>What is wrong with a key, as the rest of a sentence; null: nothing.</summary>
    internal static string? FaultOf(string key) => Protocol.Utf8.ByteCount(key) switch
    {
        null => "is not valid text: it has half of a surrogate pair",
        0 => "is empty",
        > MaxKeyBytes and var bytes => $"has {bytes} bytes of UTF-8, the limit is {MaxKeyBytes}",
        _ => null,
    };

    private const int MaxKeyBytes = 128;
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
