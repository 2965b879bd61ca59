namespace Rx.IotLink.Protocol.Version2;

/// <summary>
/// When what has not arrived is to be sent again (RFC 6298, 5.3 and 5.5): when nothing has progressed for the timeout,
/// and twice as long after each repetition that led to nothing. TCP carries what it has taken. So a repetition is of
/// use only where the peer's system has lost something; on a slow path it would be carried behind what it repeats.
/// </summary>
internal sealed class RepetitionClock
{
    /// <summary>The time is doubled so many times at most.</summary>
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
    /// The peer has told of progress, for which a line was waited for. The time stays doubled where the time undoubled
    /// would not have been enough.
    /// </summary>
    public void Progress(OutLine waitedFor, TimeSpan now)
    {
        while (doublings > 0 && now - waitingSince < Repetition.Patience(timeout, waitedFor) * (1 << (doublings - 1)))
            doublings--;
        Progress(now);
    }

    /// <summary>The peer has told of progress.</summary>
    public void Progress(TimeSpan now) => (since, waitingSince, isCopy) = (now, now, false);

    /// <summary>The peer sends lines: what it has to say of ours may wait behind them.</summary>
    public void PeerSends() => peerSends = true;

    /// <summary>
    /// The peer has nothing to send. An older word of it may have waited on the way; a newer one may be right behind.
    /// </summary>
    public void PeerRests(TimeSpan now)
    {
        if (peerSends)
            (peerSends, peerRestsSince) = (false, now);
    }

    /// <summary>When this line, the oldest that has not arrived, is to be sent again.</summary>
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
