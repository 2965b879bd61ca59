namespace Rx.IotLink.Protocol.Version2;

/// <summary>
/// When to send again lines that have not arrived (RFC 6298, 5.3 and 5.5): when nothing has progressed for the timeout,
/// and twice as long after each repetition without effect. TCP delivers what it has taken. So a repetition helps only
/// if the peer's system has lost something; on a slow path the copy would only follow the original.
/// </summary>
internal struct RepetitionClock
{
    /// <summary>The most doublings of the time.</summary>
    private const int MostDoublings = 3;

    private TimeSpan timeout;
    private TimeSpan waitingSince;
    private TimeSpan since;
    private int doublings;
    private bool isCopy;
    private bool peerSends;
    private TimeSpan peerRestsSince;

    /// <summary>A connection has opened.</summary>
    public void Open(TimeSpan timeout)
    {
        this.timeout = timeout;
        (doublings, isCopy, peerSends, peerRestsSince) = (0, false, false, TimeSpan.Zero);
    }

    /// <summary>The connection has taken the oldest line that has not arrived.</summary>
    public void Begin(TimeSpan now)
    {
        since = now;
        if (!isCopy)
            waitingSince = now;
    }

    /// <summary>It is sent again.</summary>
    public void Repeat() => (doublings, isCopy) = (Math.Min(doublings + 1, MostDoublings), true);

    /// <summary>
    /// The peer has reported progress of a line. The time stays doubled if the single time would have been too short.
    /// </summary>
    public void Progress(OutLine waitedFor, TimeSpan now)
    {
        while (doublings > 0 && now - waitingSince < Repetition.Patience(timeout, waitedFor) * (1 << (doublings - 1)))
            doublings--;
        Progress(now);
    }

    /// <summary>The peer has reported progress.</summary>
    public void Progress(TimeSpan now) => (since, waitingSince, isCopy) = (now, now, false);

    /// <summary>The peer sends lines: its acknowledgements may wait behind them.</summary>
    public void PeerSends() => peerSends = true;

    /// <summary>
    /// The peer has no lines to send. An older acknowledgement may have waited on the way; a newer one may follow at
    /// once.
    /// </summary>
    public void PeerRests(TimeSpan now)
    {
        if (peerSends)
            (peerSends, peerRestsSince) = (false, now);
    }

    /// <summary>When to send this line again, the oldest that has not arrived.</summary>
    public TimeSpan Due(OutLine oldest)
    {
        var patience = Repetition.Patience(timeout, oldest);
        var latest = since + (patience * (1 << MostDoublings));
        if (peerSends)
            return latest;
        var due = since + (patience * (1 << doublings));
        var rested = peerRestsSince + (timeout / 8);
        return due >= rested ? due : rested < latest ? rested : latest;
    }
}
