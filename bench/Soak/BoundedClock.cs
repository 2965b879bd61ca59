using System.Reactive.Concurrency;

namespace Soak;

/// <summary>
/// A virtual clock on which every loop has an end: a timer that is set again for the same instant for ever would
/// otherwise hold up a campaign without a word. What is due first runs first, and of what is due at once what was
/// scheduled first, as on a <see cref="HistoricalScheduler"/>; with one object for each action instead of four, and a
/// queue that knows ticks, since a campaign does little else.
/// </summary>
internal sealed class BoundedClock : VirtualTimeSchedulerBase<DateTimeOffset, TimeSpan>
{
    /// <summary>Far more than the finest slices of the busiest fleet need.</summary>
    private const int MostActionsInASecond = 200_000;

    private readonly PriorityQueue<Due, (long Ticks, long Order)> queue = new();
    private long scheduled;
    private long second;
    private int actions;

    public BoundedClock()
        : base(DateTimeOffset.MinValue, Comparer<DateTimeOffset>.Default)
    {
    }

    /// <inheritdoc/>
    public override IDisposable ScheduleAbsolute<TState>(TState state, DateTimeOffset dueTime, Func<IScheduler, TState, IDisposable> action)
    {
        var due = new Due<TState>(this, dueTime, state, action);
        queue.Enqueue(due, (dueTime.UtcTicks, scheduled++));
        return due;
    }

    /// <inheritdoc/>
    protected override DateTimeOffset Add(DateTimeOffset absolute, TimeSpan relative) => absolute + relative;

    /// <inheritdoc/>
    protected override DateTimeOffset ToDateTimeOffset(DateTimeOffset absolute) => absolute;

    /// <inheritdoc/>
    protected override TimeSpan ToRelative(TimeSpan timeSpan) => timeSpan;

    /// <inheritdoc/>
    protected override IScheduledItem<DateTimeOffset>? GetNext()
    {
        Due? next;
        while (queue.TryPeek(out next, out _) && next.IsCalledOff)
            queue.Dequeue();
        if (next is null)
            return null;
        var now = Clock.Ticks / TimeSpan.TicksPerSecond;
        if (now != second)
            (second, actions) = (now, 0);
        return ++actions <= MostActionsInASecond
            ? next
            : throw new InvalidOperationException($"The clock does not get on: {MostActionsInASecond} actions within one second, the limit.");
    }

    private abstract class Due(BoundedClock clock, DateTimeOffset at) : IScheduledItem<DateTimeOffset>, IDisposable
    {
        private IDisposable? running;

        public DateTimeOffset DueTime => at;

        public bool IsCalledOff { get; private set; }

        /// <summary>Runs it, the next there is.</summary>
        public void Invoke()
        {
            clock.queue.Dequeue();
            running = Run(clock);
            if (IsCalledOff)
                running.Dispose();
        }

        public void Dispose()
        {
            IsCalledOff = true;
            running?.Dispose();
        }

        protected abstract IDisposable Run(IScheduler scheduler);
    }

    private sealed class Due<TState>(BoundedClock clock, DateTimeOffset at, TState state, Func<IScheduler, TState, IDisposable> action) : Due(clock, at)
    {
        protected override IDisposable Run(IScheduler scheduler) => action(scheduler, state);
    }
}
