namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>
    /// When what has not arrived is to be sent again: when nothing has progressed for the timeout, and twice as long
    /// after each repetition that led to nothing. What was sent may still be on its way; a repetition is of use only
    /// where the network stack of an end has lost something. Times are milliseconds.
    /// </summary>
    internal sealed class RepetitionClock
    {
        private const int MostDoublings = 3;

        // A path that carries fewer bytes a second is not waited for.
        private const int SlowestBytesPerSecond = 1000;

        private int timeoutMs;
        private long waitingSince;
        private long since;
        private int doublings;
        private bool isCopy;
        private bool peerSends;
        private long peerRestsSince;

        /// <summary>A connection has opened.</summary>
        public void Open(int timeout)
        {
            timeoutMs = timeout;
            doublings = 0;
            isCopy = peerSends = false;
            peerRestsSince = 0;
        }

        /// <summary>The connection has taken the oldest line that has not arrived.</summary>
        public void Begin(long now)
        {
            since = now;
            if (!isCopy)
                waitingSince = now;
        }

        /// <summary>It is sent again.</summary>
        public void Repeat()
        {
            isCopy = true;
            if (doublings < MostDoublings)
                doublings++;
        }

        /// <summary>
        /// The peer has reported progress of a line of this length; -1: no line was in flight. The time stays doubled
        /// if the single time would have been too short.
        /// </summary>
        public void Progress(int length, long now)
        {
            while (length >= 0 && doublings > 0 && now - waitingSince < Patience(length) << (doublings - 1))
                doublings--;
            since = waitingSince = now;
            isCopy = false;
        }

        /// <summary>The peer sends lines: what it has to say of ours may wait behind them.</summary>
        public void PeerSends()
        {
            peerSends = true;
        }

        /// <summary>
        /// The peer has nothing to send. An older word of it may have waited on the way; a newer one may be right
        /// behind.
        /// </summary>
        public void PeerRests(long now)
        {
            if (peerSends)
                peerRestsSince = now;
            peerSends = false;
        }

        /// <summary>When a line of this length, the oldest that has not arrived, is to be sent again.</summary>
        public long Due(int length)
        {
            long latest = since + (Patience(length) << MostDoublings);
            if (peerSends)
                return latest;
            long due = since + (Patience(length) << doublings);
            long rested = peerRestsSince + (timeoutMs / 8);
            return due >= rested ? due : rested < latest ? rested : latest;
        }

        private long Patience(int length)
        {
            return timeoutMs + (1000L * (length / SlowestBytesPerSecond));
        }
    }
}
