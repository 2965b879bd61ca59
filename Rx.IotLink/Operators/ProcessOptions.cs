namespace Rx.IotLink;

/// <summary>How lines are processed. Immutable: change a copy with <c>with</c>.</summary>
public sealed record ProcessOptions
{
    /// <summary>The default values.</summary>
    public static ProcessOptions Default { get; } = new();

    /// <summary>
    /// The most handlers of a whole fleet that run at the same time; of one device only one ever runs. Default 64;
    /// 1 to 100,000. A handler that runs for longer than <see cref="HandlerTimeout"/> does not count any more.
    /// </summary>
    public int MaxConcurrent { get; init; } = 64;

    /// <summary>
    /// How long a handler may run. Then its token is cancelled and a notice reports it
    /// (<see cref="LinkNoticeKind.HandlerFailed"/>). Its device waits until it ends; other devices do not.
    /// Default 1 min; 10 ms to 1 day.
    /// </summary>
    public TimeSpan HandlerTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The delays before a line that failed is tried again. Default <see cref="Rx.IotLink.BackOff.Default"/>.
    /// </summary>
    public BackOff BackOff { get; init; } = BackOff.Default;

    /// <summary>
    /// Takes a line that failed <see cref="MaxAttempts"/> times, for example into a table. The line is accepted when
    /// its task has ended; when that fails, it is tried again as well. Default null: a line is tried until it succeeds,
    /// and its device waits.
    /// </summary>
    public Func<DeadLetter, CancellationToken, Task>? DeadLetters { get; init; }

    /// <summary>After how many attempts a line goes to <see cref="DeadLetters"/>. Default 5; 1 to 1,000,000.</summary>
    public int MaxAttempts { get; init; } = 5;

    internal void Validate()
    {
        Require.InRange(MaxConcurrent, 1, 100_000, nameof(MaxConcurrent));
        Require.InRange(HandlerTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1), nameof(HandlerTimeout));
        Require.InRange(MaxAttempts, 1, 1_000_000, nameof(MaxAttempts));
        Require.NotNull(BackOff, nameof(BackOff));
        BackOff.Validate();
    }
}

/// <summary>A line that no attempt could process.</summary>
/// <param name="Line">The line. It is accepted when <see cref="ProcessOptions.DeadLetters"/> has taken it.</param>
/// <param name="Attempts">How often it was tried.</param>
/// <param name="Error">Why the last attempt failed.</param>
public sealed record DeadLetter(ReceivedLine Line, int Attempts, Exception Error);
