namespace Rx.IotLink.Time;

/// <summary>
/// Rings when it has been quiet for a limit. When it was last not quiet is only read when the limit may have come: what is received or sent costs no timer.
/// </summary>
internal abstract class Quiet(Deadlines queue, TimeSpan limit) : Deadline(queue)
{
    /// <summary>A part of the limit by which it may be looked for early, on a clock that is shared.</summary>
    private const int EarlyPart = 64;

    public sealed override TimeSpan Early => limit / EarlyPart;

    protected TimeSpan Limit => limit;
}

/// <summary>Outage detection: rings once, when nothing was heard for the limit; not a tick earlier, and at the very tick on a virtual clock.</summary>
internal abstract class Silence(Deadlines queue, TimeSpan limit) : Quiet(queue, limit)
{
    private bool rang;

    public sealed override TimeSpan? Due => rang ? null : HeardAt + Limit;

    protected abstract TimeSpan HeardAt { get; }

    public sealed override void Rang(TimeSpan now) => rang = true;
}

/// <summary>
/// Keepalives: rings each time that nothing was said for the interval. A ring counts as said even if nothing came of it (a client before the server's first line, a send that does not end), or it would ring again at
/// once, for ever.
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
