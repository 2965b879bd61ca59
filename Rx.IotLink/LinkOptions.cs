using System.Reactive.Concurrency;

namespace Rx.IotLink;

/// <summary>The options that both ends of a link have. Immutable: change a copy with <c>with</c>.</summary>
public abstract record LinkOptions
{
    /// <summary>
    /// The shortest <see cref="Timeout"/>, for this option and for the timeout that a client accepts from a server.
    /// </summary>
    internal static readonly TimeSpan MinTimeout = TimeSpan.FromMilliseconds(100);

    private protected LinkOptions()
    {
    }

    /// <summary>
    /// Silence after which an outage is declared; keepalives follow at a quarter of it. Default 2 s, as in
    /// micropython-iot: longer than the pauses of a healthy Wi-Fi, short enough to act on. 100 ms to 1 h. Protocol 1
    /// does not negotiate it: both ends must have the same value.
    /// </summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The longest line, in bytes of UTF-8 without its line feed, that is written or accepted. Default 4,000: such a
    /// line with its framing fits the 4,096 bytes that a micropython-iot server reads at once. 1 to 1,048,576.
    /// </summary>
    public int MaxLineBytes { get; init; } = 4_000;

    /// <summary>
    /// The most lines that wait for an observer or reader: this many exactly-once lines, and this many best-effort
    /// lines. When it is full, further exactly-once lines are not acknowledged, and the peer repeats them; further
    /// best-effort lines are lost. Default 256; 1 to 1,000,000.
    /// </summary>
    public int InboxLines { get; init; } = 256;

    /// <summary>
    /// The number of lines waiting to be sent or accepted at which <see cref="ILink.Writer"/> takes no more. Default
    /// 1,024; 1 to 1,000,000.
    /// </summary>
    public int OutboxLines { get; init; } = 1_024;

    /// <summary>
    /// What <see cref="ILink.Writer"/> does when the outbox is full. Default <see cref="OverflowPolicy.Fail"/>: no line
    /// is lost silently.
    /// </summary>
    public OverflowPolicy WriterOverflow { get; init; } = OverflowPolicy.Fail;

    /// <summary>
    /// Calls of <see cref="ILink.WriteAsync(string, Delivery, Ordering, CancellationToken)"/> that may wait beyond
    /// <see cref="OutboxLines"/>, before a further one fails. Default 16,384, for applications that start writes
    /// without awaiting them. 0 to 1,000,000.
    /// </summary>
    public int MaxWaitingWrites { get; init; } = 16_384;

    /// <summary>
    /// The most lines that wait in the session store, if there is one. Then <see cref="OutboxLines"/> of them are in
    /// memory, and the others only in the store. A further line is rejected (<see cref="OutboxFullException"/>), or
    /// dropped as <see cref="WriterOverflow"/> says. Default 1,000,000: a line a second for eleven days. 1 to
    /// 1,000,000,000.
    /// </summary>
    public int StoredLines { get; init; } = 1_000_000;

    /// <summary>
    /// The most bytes of UTF-8 of the lines that wait in the session store. A further line is treated like one beyond
    /// <see cref="StoredLines"/>. Default 268,435,456 (256 MiB); 1 to 1,099,511,627,776 (1 TiB).
    /// </summary>
    public long StoredBytes { get; init; } = 268_435_456;

    /// <summary>
    /// How long a line may wait in the session store to be sent, where there is one. Then it is dropped, the oldest
    /// first. <see cref="LinkCounters.LinesExpired"/> counts it, <see cref="LinkNoticeKind.LinesExpired"/> reports it,
    /// and a writer who still waits gets <see cref="LineExpiredException"/>. A line that was sent is not dropped.
    /// Default 30 days: who was away for longer rarely wants what is older. 1 s to 3,650 days. Without a store no line
    /// is dropped by its age, but see <see cref="WriteOptions.TimeToLive"/>.
    /// </summary>
    public TimeSpan StoredFor { get; init; } = TimeSpan.FromDays(30);

    /// <summary>
    /// How long closing waits for written lines to be accepted by the peer, and then for an observer that is handling a
    /// line, so that this line is accepted and a later process does not get it again. Default 5 s; 0 to 1 h.
    /// </summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long an observer may take for one line, or leave one of <see cref="ILink.Received"/> open, before a notice
    /// reports it (<see cref="LinkNoticeKind.ObserverSlow"/>) and a counter counts it
    /// (<see cref="LinkCounters.SlowObservers"/>). Nothing else happens then. Default 10 s: longer than a healthy
    /// database or disk needs, and short enough to explain why no lines come. 10 ms to 1 day.
    /// </summary>
    public TimeSpan SlowObserverAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The seed of all random values (jitter, epochs, nonces), for histories that can be repeated. Default null: a new
    /// seed each time. Use it only in tests: with a known seed, keys do not protect.
    /// </summary>
    public int? Seed { get; init; }

    /// <summary>
    /// The clock of everything: keepalives, timeouts, back-off. Default <see cref="DefaultScheduler"/>; a virtual clock
    /// makes all of it testable.
    /// </summary>
    public IScheduler Scheduler { get; init; } = DefaultScheduler.Instance;

    /// <summary>
    /// The scheduler that calls observers. Default (null): threads of their own, at most 16 for each link and for each
    /// stream of a server; and threads of the pool that have just received lines, at most half as many at a time as
    /// there are processors. So observers that block delay only their own link, however many block. Each one that
    /// blocks occupies a thread. With a <see cref="Scheduler"/> other than the default one: that scheduler, so that
    /// tests stay deterministic.
    /// </summary>
    public IScheduler? ObserverScheduler { get; init; }

    /// <summary>
    /// How metrics are reported: the meter and its tags. Default: one meter for the process, or for the host.
    /// </summary>
    public TelemetryOptions Telemetry { get; init; } = TelemetryOptions.Default;

    /// <summary>The scheduler that calls the observers of one link, or of one stream of a server.</summary>
    internal IScheduler ObserversOfOne() => Continuations ?? ObserverScheduler ?? Time.ObserverThreads.Instance.NewLane();

    /// <summary>Where code continues after it has awaited a task of the API; null: on the thread pool.</summary>
    internal IScheduler? Continuations => ReferenceEquals(Scheduler, DefaultScheduler.Instance) ? null : ObserverScheduler ?? Scheduler;

    internal virtual void Validate()
    {
        Require.InRange(Timeout, MinTimeout, TimeSpan.FromHours(1), nameof(Timeout));
        Require.InRange(MaxLineBytes, 1, 1_048_576, nameof(MaxLineBytes));
        Require.InRange(InboxLines, 1, 1_000_000, nameof(InboxLines));
        Require.InRange(OutboxLines, 1, 1_000_000, nameof(OutboxLines));
        Require.InRange(MaxWaitingWrites, 0, 1_000_000, nameof(MaxWaitingWrites));
        Require.InRange(StoredLines, 1, 1_000_000_000, nameof(StoredLines));
        Require.InRange(StoredBytes, 1, 1_099_511_627_776, nameof(StoredBytes));
        Require.InRange(StoredFor, TimeSpan.FromSeconds(1), TimeSpan.FromDays(3_650), nameof(StoredFor));
        Require.InRange(SlowObserverAfter, TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1), nameof(SlowObserverAfter));
        Require.InRange(DrainTimeout, TimeSpan.Zero, TimeSpan.FromHours(1), nameof(DrainTimeout));
        Require.Defined(WriterOverflow, nameof(WriterOverflow));
        Require.NotNull(Scheduler, nameof(Scheduler));
        Require.NotNull(Telemetry, nameof(Telemetry));
        Telemetry.Validate();
    }
}
