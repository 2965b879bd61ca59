using System.Reactive.Concurrency;

namespace Rx.IotLink;

/// <summary>How a consumer of the fleet's lines works. Immutable: change a copy with <c>with</c>.</summary>
public sealed record FleetConsumerOptions
{
    /// <summary>The default values.</summary>
    public static FleetConsumerOptions Default { get; } = new();

    /// <summary>
    /// The most handlers of this process that run at the same time, each with a connection of its own; of one device
    /// only one ever runs. Default 4; 1 to 64. A store in one file (SQLite) runs one handler at a time.
    /// </summary>
    public int MaxConcurrent { get; init; } = 4;

    /// <summary>The most lines that one transaction handles. Default 100; 1 to 10,000.</summary>
    public int BatchLines { get; init; } = 100;

    /// <summary>
    /// How long a handler may run. Then its token is cancelled; if it does not end within another second, its
    /// connection is ended, too, and the line counts as failed. Default 1 min; 10 ms to 1 day. A store in one file
    /// allows at most half of its busy timeout, since nothing else is written meanwhile. Not for
    /// <see cref="IFleetInbox.Lines"/>.
    /// </summary>
    public TimeSpan HandlerTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The delays before a line that failed is tried again; also those after failures of the database. Default
    /// <see cref="Rx.IotLink.BackOff.Default"/>.
    /// </summary>
    public BackOff BackOff { get; init; } = BackOff.Default;

    /// <summary>
    /// After how many attempts a line is a dead letter: it stays in the table <c>set_aside</c> (in NATS: in the stream
    /// of dead letters), with the reason, and the next line of its device is handled. Default null: it is tried until
    /// it succeeds, and its device waits. 1 to 1,000,000.
    /// </summary>
    public int? MaxAttempts { get; init; }

    /// <summary>
    /// How long another process waits for this one before it takes its partitions (in NATS: the line that it has), if
    /// this one dies or is stopped. Default 10 s; 1 s to 10 min. Give all processes of a consumer the same. Of no use
    /// where there is one process.
    /// </summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How often the database is asked for new lines while there are none. Default 100 ms; 1 ms to 1 min. Of no use
    /// where there is one process, which knows. The servers of NATS answer when there is one: they are asked again
    /// after so long if they do not.
    /// </summary>
    public TimeSpan Poll { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Whether a consumer that did not exist begins with the lines that come from now on; false: with the oldest line
    /// in the inbox. Default false.
    /// </summary>
    public bool FromNow { get; init; }

    /// <summary>The clock of all waits. Default: the real one.</summary>
    public IScheduler Scheduler { get; init; } = DefaultScheduler.Instance;

    /// <summary>The number of partitions of a store that has any.</summary>
    internal const short MostConcurrent = 64;

    internal void Validate()
    {
        Require.InRange(MaxConcurrent, 1, MostConcurrent, nameof(MaxConcurrent));
        Require.InRange(BatchLines, 1, 10_000, nameof(BatchLines));
        Require.InRange(HandlerTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1), nameof(HandlerTimeout));
        Require.InRange(MaxAttempts ?? 1, 1, 1_000_000, nameof(MaxAttempts));
        Require.InRange(Lease, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10), nameof(Lease));
        Require.InRange(Poll, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(1), nameof(Poll));
        Require.NotNull(Scheduler, nameof(Scheduler));
        Require.NotNull(BackOff, nameof(BackOff));
        BackOff.Validate();
    }
}
