namespace Rx.IotLink.Testing.Tcp;

/// <summary>
/// When the faults of a <see cref="FaultSchedule"/> come and how long they last. The defaults suit ends with a timeout
/// of 500 ms.
/// </summary>
public sealed record TcpFaultMix
{
    /// <summary>A connection is left in peace at least this long before the next fault. Default 200 ms.</summary>
    public TimeSpan LeastPeace { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// A connection is left in peace at most this long before the next fault, and slices last no longer. Default 1.8 s.
    /// </summary>
    public TimeSpan MostPeace { get; init; } = TimeSpan.FromMilliseconds(1_800);

    /// <summary>
    /// The shortest stall. Longer than the patience of both ends, or they do not notice it. Default 1.5 s.
    /// </summary>
    public TimeSpan ShortestStall { get; init; } = TimeSpan.FromMilliseconds(1_500);

    /// <summary>The longest stall. Default 2.5 s.</summary>
    public TimeSpan LongestStall { get; init; } = TimeSpan.FromMilliseconds(2_500);

    /// <summary>
    /// The longest that new connections are refused; the shortest is <see cref="LeastPeace"/>. Default 2.5 s.
    /// </summary>
    public TimeSpan LongestAway { get; init; } = TimeSpan.FromMilliseconds(2_500);

    /// <summary>The longest lost tail; shorter than the patience of both ends. Default 100 ms.</summary>
    public TimeSpan LongestTail { get; init; } = TimeSpan.FromMilliseconds(100);
}
