namespace Rx.IotLink.Testing;

/// <summary>How a path behaves without faults.</summary>
public sealed record PathConditions
{
    /// <summary>How long a byte takes, each way. Default 5 ms.</summary>
    public TimeSpan Latency { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>A random part that is added to the latency, for each piece; the order is kept. Default none.</summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>
    /// Bytes a second, each way. Writes then arrive in pieces of 1,460 bytes, or of the bytes that the path carries in
    /// 50 ms if these are fewer. Default null: no limit.
    /// </summary>
    public int? BytesPerSecond { get; init; }

    /// <summary>
    /// Writes arrive in pieces of random length up to this many bytes. Default null: they stay whole, or come in the
    /// pieces of <see cref="BytesPerSecond"/>.
    /// </summary>
    public int? SliceBytes { get; init; }

    /// <summary>
    /// Bytes that arrive within this time reach the reader together, at the multiples of this time. Default zero: each
    /// piece by itself.
    /// </summary>
    public TimeSpan Coalescing { get; init; }

    /// <summary>The time that a new connection takes beyond its round trip. Default none.</summary>
    public TimeSpan OpeningDelay { get; init; }

    /// <summary>
    /// The bytes that may be on their way in each direction before a writer has to wait, as in a socket's send buffer.
    /// Default 65,536.
    /// </summary>
    public int SendBufferBytes { get; init; } = 65_536;

    internal void Validate()
    {
        NotNegative(Latency, nameof(Latency));
        NotNegative(Jitter, nameof(Jitter));
        NotNegative(Coalescing, nameof(Coalescing));
        NotNegative(OpeningDelay, nameof(OpeningDelay));
        Positive(BytesPerSecond ?? 1, nameof(BytesPerSecond));
        Positive(SliceBytes ?? 1, nameof(SliceBytes));
        Positive(SendBufferBytes, nameof(SendBufferBytes));
    }

    /// <summary>These conditions with the current faults added.</summary>
    internal PathConditions With(IReadOnlyCollection<Fault> faults)
    {
        var now = this;
        foreach (var fault in faults)
        {
            now = fault.Kind switch
            {
                FaultKind.Delay => now with { Latency = now.Latency + fault.By, Jitter = now.Jitter + fault.Jitter },
                FaultKind.Throttle => now with { BytesPerSecond = Math.Min(now.BytesPerSecond ?? int.MaxValue, fault.Bytes) },
                FaultKind.Slice => now with { SliceBytes = Math.Min(now.SliceBytes ?? int.MaxValue, fault.Bytes) },
                FaultKind.Coalesce => now with { Coalescing = fault.By > now.Coalescing ? fault.By : now.Coalescing },
                FaultKind.OpenSlowly => now with { OpeningDelay = now.OpeningDelay + fault.By },
                _ => now,
            };
        }

        return now;
    }

    private static void NotNegative(TimeSpan value, string name)
    {
        if (value < TimeSpan.Zero)
            throw new ArgumentException($"{nameof(PathConditions)}.{name} is {value}; it cannot be negative.", nameof(value));
    }

    private static void Positive(int value, string name)
    {
        if (value <= 0)
            throw new ArgumentException($"{nameof(PathConditions)}.{name} is {value}; it is at least 1.", nameof(value));
    }
}
