namespace Rx.IotLink;

/// <summary>Observers that hold one line for too long: it is told, since nothing else tells of it while the link is up.</summary>
internal sealed partial class Link
{
    // Guarded by the lock: since when the line was held that was told of last.
    private TimeSpan? toldHeldSince;

    /// <summary>When the line that observers are at now will have been held for too long, if it was not told. Under the lock.</summary>
    private TimeSpan? HeldTooLongAt => inbox.HeldSince is { } since && since != toldHeldSince && !state.IsFinal ? since + options.SlowObserverAfter : null;

    /// <summary>Observers get lines from now on: has it looked at in time. A comparison, as long as the alarm is set for an earlier time.</summary>
    private void WatchHolding(TimeSpan since) => (alarm ?? MakeAlarm()).Set(since + options.SlowObserverAfter);

    /// <summary>Tells of a line that is held for too long, once. Under the lock.</summary>
    private void TellOfHeldLine()
    {
        // Read once: the observer may return at any moment.
        if (inbox.HeldSince is not { } since || since == toldHeldSince || state.IsFinal || Now - since is var held && held < options.SlowObserverAfter)
            return;
        toldHeldSince = since;
        counts.SlowObservers++;
        notices.Post(new LinkNotice(LinkNoticeKind.ObserverSlow, $"an observer of the lines has not returned from OnNext for {held.TotalSeconds:0.###} s; no further line is handed out or acknowledged before it does, and if it waits for this link it may wait for ever"));
    }

    private static TimeSpan? Earlier(TimeSpan? a, TimeSpan? b) => a < b || b is null ? a : b;
}
