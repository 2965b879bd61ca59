namespace Rx.IotLink.Time;

/// <summary>
/// Rings when it has been quiet for a limit. When it was last not quiet is only read when the limit may have come: what
/// is received or sent costs no timer.
/// </summary>
internal abstract class Quiet(Deadlines queue, TimeSpan limit) : Deadline(queue)
{
    /// <summary>A part of the limit by which it may be looked for early, on a clock that is shared.</summary>
    private const int EarlyPart = 64;

    public sealed override TimeSpan Early => limit / EarlyPart;

    protected TimeSpan Limit => limit;
}

/// <summary>
/// Outage detection: rings once, when nothing was heard for the limit; not a tick earlier, and at the very tick on a
/// virtual clock. What was heard before the ring is carried out counts: then it was no silence.
/// </summary>
internal abstract class Silence(Deadlines queue, TimeSpan limit) : Quiet(queue, limit)
{
    private const int Watching = 0;
    private const int Rung = 1;
    private const int Over = 2;

    private int phase;

    public sealed override TimeSpan? Due => Volatile.Read(ref phase) == Watching ? SilentAt : null;

    protected abstract TimeSpan HeardAt { get; }

    /// <summary>When it is a silence, unless something is heard before.</summary>
    protected TimeSpan SilentAt => HeardAt + Limit;

    public sealed override void Rang(TimeSpan now) => Volatile.Write(ref phase, Rung);

    public sealed override void Execute()
    {
        Interlocked.MemoryBarrier();
        if (SilentAt > Queue.Now)
        {
            if (Interlocked.CompareExchange(ref phase, Watching, Rung) == Rung)
                Set();
        }
        else if (Interlocked.CompareExchange(ref phase, Over, Rung) == Rung)
        {
            FallSilent();
        }
    }

    /// <summary>Nothing was heard for the limit.</summary>
    protected abstract void FallSilent();

    /// <summary>Something was heard, as <see cref="HeardAt"/> says already: watches again if it has rung.</summary>
    /// <remarks>
    /// One thread writes the time and then reads the phase, the other writes the phase and then reads the time. With a
    /// barrier in between at least one of them sees what the other wrote, so that no watch is lost.
    /// </remarks>
    protected void WatchAgain()
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref phase) != Watching && Interlocked.Exchange(ref phase, Watching) != Watching)
            Set();
    }
}

/// <summary>
/// Keepalives: rings each time that nothing was said for the interval. A ring counts as said even if nothing came of it
/// (a client before the server's first line, a send that does not end), or it would ring again at once, for ever.
/// </summary>
internal abstract class Keepalives(Deadlines queue, TimeSpan interval) : Quiet(queue, interval)
{
    private TimeSpan last = queue.Now;

    public sealed override TimeSpan? Due => (SaidAt is var said && said > last ? said : last) + Limit;

    /// <summary>One that comes a little early does no harm.</summary>
    public sealed override bool RingsEarly => true;

    /// <summary>When anything was said, if that counts.</summary>
    protected abstract TimeSpan SaidAt { get; }

    public sealed override void Rang(TimeSpan now) => last = now;
}
