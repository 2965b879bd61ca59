namespace Rx.IotLink.Time;

/// <summary>
/// Rings when a deadline has come. A deadline that moves later costs nothing: the alarm rings at the old one and is set
/// again.
/// </summary>
internal abstract class Alarm(Deadlines queue) : Deadline(queue)
{
    // In ticks. Read without the lock first, since it nearly always rings early enough.
    private long setFor = long.MaxValue;

    public sealed override TimeSpan? Due => Volatile.Read(ref setFor) is var ticks and not long.MaxValue ? TimeSpan.FromTicks(ticks) : null;

    /// <summary>Makes sure that it rings at (or before) the deadline; null changes nothing.</summary>
    public void Set(TimeSpan? deadline)
    {
        if (deadline is not { } due)
            return;
        for (var set = Volatile.Read(ref setFor); due.Ticks < set; set = Volatile.Read(ref setFor))
        {
            if (Interlocked.CompareExchange(ref setFor, due.Ticks, set) == set)
                Set();
        }
    }

    public sealed override void Rang(TimeSpan now) => Volatile.Write(ref setFor, long.MaxValue);
}

/// <summary>An alarm that calls a delegate. Those of links do not: there are thousands of them.</summary>
internal sealed class CallingAlarm(Deadlines queue, Action ring) : Alarm(queue)
{
    public override void Execute() => ring();
}
