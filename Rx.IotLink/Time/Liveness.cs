namespace Rx.IotLink.Time;

/// <summary>
/// Rings when it has been quiet for a limit. It reads the time of the last activity only when the limit may have come,
/// so received or sent bytes cost no timer.
/// </summary>
internal abstract class Quiet(Deadlines queue, TimeSpan limit) : Deadline(queue)
{
    /// <summary>The fraction of the limit by which a look may come early, on a shared clock.</summary>
    private const int EarlyPart = 64;

    public sealed override TimeSpan Early => limit / EarlyPart;

    protected TimeSpan Limit => limit;
}

/// <summary>
/// Outage detection: rings once, when nothing was received for the limit, never a tick earlier. On a virtual clock it
/// rings at the exact tick. If something is received before the ring is carried out, there was no silence.
/// </summary>
internal abstract class Silence(Deadlines queue, TimeSpan limit) : Quiet(queue, limit)
{
    private const int Watching = 0;
    private const int Rung = 1;
    private const int Over = 2;

    private int phase;

    public sealed override TimeSpan? Due => Volatile.Read(ref phase) == Watching ? SilentAt : null;

    protected abstract TimeSpan HeardAt { get; }

    /// <summary>When the silence is complete, unless something is received before.</summary>
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

    /// <summary>Nothing was received for the limit.</summary>
    protected abstract void FallSilent();

    /// <summary>
    /// Something was received, and <see cref="HeardAt"/> says so already. Watches again if it has rung.
    /// </summary>
    /// <remarks>
    /// One thread writes the time and then reads the phase, the other writes the phase and then reads the time. With a
    /// barrier in between, at least one of them sees what the other wrote, so the watch always continues.
    /// </remarks>
    protected void WatchAgain()
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref phase) != Watching && Interlocked.Exchange(ref phase, Watching) != Watching)
            Set();
    }
}

/// <summary>
/// Keepalives: rings each time when nothing was sent for the interval. A ring counts as a send even if nothing was sent
/// (a client before the server's first line, a send that does not end). Otherwise it would ring again at once, without
/// end.
/// </summary>
internal abstract class Keepalives(Deadlines queue, TimeSpan interval) : Quiet(queue, interval)
{
    private TimeSpan last = queue.Now;

    public sealed override TimeSpan? Due => (SaidAt is var said && said > last ? said : last) + Limit;

    /// <summary>A keepalive that comes a little early does no harm.</summary>
    public sealed override bool RingsEarly => true;

    /// <summary>When anything was last sent, if that counts.</summary>
    protected abstract TimeSpan SaidAt { get; }

    public sealed override void Rang(TimeSpan now) => last = now;
}
