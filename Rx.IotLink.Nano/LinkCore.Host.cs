using Rx.IotLink.Nano.Protocol;

namespace Rx.IotLink.Nano
{
    /// <summary>What the session says to its owner, which only records it.</summary>
    internal sealed partial class LinkCore
    {
        /// <inheritdoc/>
        public void Opened()
        {
            Counters.Connections++;
            upSince = Now;
            Escalation.Up();
            SetStatus(LinkStatus.Up, "");
            TellWake.Set();
            Changed.Set();
        }

        /// <inheritdoc/>
        public void Heartbeat()
        {
            Counters.Heartbeats++;
            heartbeatIsNew = true;
        }

        /// <inheritdoc/>
        public void Arrived(byte[] bytes, int offset, int count)
        {
            TellWake.Set();
            Changed.Set();
        }

        /// <inheritdoc/>
        public void Finished(bool exactlyOnce, byte[] bytes, int offset, int count)
        {
            if (exactlyOnce)
                Counters.LinesAccepted++;
            else
                Counters.BestEffortSent++;
            Changed.Set();
        }

        /// <inheritdoc/>
        public void Impossible(byte[] bytes, int offset, int count)
        {
            Counters.LinesImpossible++;
            if (Options.Keeper != null && bytes == Session.Outbox.Bytes)
                Options.Keeper.Changed();
            Note("a line can never be sent: the server takes none so long");
        }

        /// <inheritdoc/>
        public void Repeated()
        {
            Counters.LinesRepeated++;
        }

        /// <inheritdoc/>
        public void Duplicate()
        {
            Counters.Duplicates++;
        }

        /// <inheritdoc/>
        public void Withheld()
        {
            Counters.LinesWithheld++;
        }

        /// <inheritdoc/>
        public void Notice(SessionNotice notice, ulong first, ulong last)
        {
            if (notice == SessionNotice.SessionNotResumed)
                Note("the server remembers nothing of this session: a line in flight may be seen twice");
            else if (notice == SessionNotice.PeerRestarted)
                Note("the server began a new memory: what it had written and was not accepted is gone");
            else if (notice == SessionNotice.LinesLost)
                Note("lines " + first.ToString() + " to " + last.ToString() + " were lost at the server");
            else
                Note("the server accepted what this memory never sent: a new one begins");
        }

        /// <inheritdoc/>
        public void Leave(LeaveReason reason, int retryAfterMs, string text)
        {
            retryMs = retryAfterMs;
            peerLeft = reason == LeaveReason.PeerLeft;
            unwanted = reason == LeaveReason.Displaced || (reason == LeaveReason.Refused && retryAfterMs < 0);
            if (unwanted)
                Note(text + "; it is tried again after the longest pause");
            if (endReason == null)
                endReason = text;
        }
    }
}
