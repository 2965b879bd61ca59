namespace Rx.IotLink.Testing.Tcp;

/// <summary>
/// When the faults of a <see cref="FaultSchedule"/> come and how long they last. The defaults fit ends with a timeout
/// of 500 ms.
/// </summary>
public sealed record TcpFaultMix
{
    /// <summary>The shortest time without a fault before the next fault. Default 200 ms.</summary>
    public TimeSpan LeastPeace { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// The longest time without a fault before the next fault; slices last no longer. Default 1.8 s.
    /// </summary>
    public TimeSpan MostPeace { get; init; } = TimeSpan.FromMilliseconds(1_800);

    /// <summary>
    /// The shortest stall. It must be longer than the timeout of both ends, or they do not notice it. Default 1.5 s.
    /// </summary>
    public TimeSpan ShortestStall { get; init; } = TimeSpan.FromMilliseconds(1_500);

    /// <summary>The longest stall. Default 2.5 s.</summary>
    public TimeSpan LongestStall { get; init; } = TimeSpan.FromMilliseconds(2_500);

    /// <summary>
    /// The longest time for which new connections are refused; the shortest is <see cref="LeastPeace"/>. Default 2.5 s.
    /// </summary>
    public TimeSpan LongestAway { get; init; } = TimeSpan.FromMilliseconds(2_500);

    /// <summary>The longest lost tail; it must be shorter than the timeout of both ends. Default 100 ms.</summary>
    public TimeSpan LongestTail { get; init; } = TimeSpan.FromMilliseconds(100);
}
