using System.Reactive.Concurrency;

namespace Soak;

/// <summary>A virtual clock on which every loop has an end: a timer that is set again for the same instant for ever would otherwise hold up a campaign without a word.</summary>
internal sealed class BoundedClock : HistoricalScheduler
{
    /// <summary>Far more than the finest slices of the busiest fleet need.</summary>
    private const int MostActionsInASecond = 200_000;

    private long second;
    private int actions;

    /// <inheritdoc/>
    protected override IScheduledItem<DateTimeOffset>? GetNext()
    {
        var now = Clock.Ticks / TimeSpan.TicksPerSecond;
        if (now != second)
            (second, actions) = (now, 0);
        return ++actions <= MostActionsInASecond
            ? base.GetNext()
            : throw new InvalidOperationException($"The clock does not get on: {MostActionsInASecond} actions within one second, the limit.");
    }
}
