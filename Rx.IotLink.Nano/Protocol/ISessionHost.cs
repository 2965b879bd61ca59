namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>
    /// The calls of a session to its owner. They come from inside the calls to <see cref="Session"/>, and must only
    /// record what they get.
    /// </summary>
    internal interface ISessionHost
    {
        /// <summary>Lines flow both ways from now on.</summary>
        void Opened();

        /// <summary>A keepalive was received.</summary>
        void Heartbeat();

        /// <summary>A line of the peer was put into the inbox.</summary>
        void Arrived(byte[] bytes, int offset, int count);

        /// <summary>A line is complete: accepted by the peer (exactly once), or sent (best effort).</summary>
        void Finished(bool exactlyOnce, byte[] bytes, int offset, int count);

        /// <summary>A line can never be sent: it is too long for the peer.</summary>
        void Impossible(byte[] bytes, int offset, int count);

        /// <summary>A line was sent again.</summary>
        void Repeated();

        /// <summary>The peer repeated a line.</summary>
        void Duplicate();

        /// <summary>A line found the inbox full; the peer will repeat it.</summary>
        void Withheld();

        /// <summary>Something the application should know.</summary>
        void Notice(SessionNotice notice, ulong first, ulong last);

        /// <summary>The connection must end. Only the connection: no message of a peer ends a link.</summary>
        /// <param name="reason">Why.</param>
        /// <param name="retryMs">How long the peer asks to wait, or -1.</param>
        /// <param name="text">A sentence for people.</param>
        void Leave(LeaveReason reason, int retryMs, string text);
    }

    /// <summary>Events that an application should know and that no state shows.</summary>
    internal enum SessionNotice
    {
        SessionNotResumed,
        PeerRestarted,
        LinesLost,
        MemoryRolledBack,
    }

    /// <summary>Why a session ends a connection.</summary>
    internal enum LeaveReason
    {
        Refused,
        PeerLeft,
        Displaced,
        PeerNotProven,
        ConnectionLost,

        /// <summary>The peer broke the protocol.</summary>
        ProtocolError,

        /// <summary>It sent a longer line than it may.</summary>
        TooLong,
    }
}
