namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>How a session goes on after a loss of power, of which the flash has kept a part.</summary>
    internal sealed partial class Session
    {
        // More connections than there are between two writes to the flash: none may have the number of an earlier one.
        private const int ConnectionsSkipped = 65536;

        /// <summary>The name of this memory, if it has one yet.</summary>
        public ulong Epoch
        {
            get { return epoch; }
        }

        public bool HasEpoch
        {
            get { return hasEpoch; }
        }

        /// <summary>Exactly-once lines that are not accepted, oldest first; the number of the oldest.</summary>
        public LineRing Outbox
        {
            get { return sender.Lines; }
        }

        public ulong First
        {
            get { return sender.First; }
        }

        public bool KnowsPeer
        {
            get { return receiver.KnowsPeer; }
        }

        public ulong PeerEpoch
        {
            get { return receiver.PeerEpoch; }
        }

        public ulong Accepted
        {
            get { return receiver.Accepted; }
        }

        public ulong Connections
        {
            get { return opening.Connections; }
        }

        /// <summary>Whether lines wait that have no number yet.</summary>
        public bool IsRecovering
        {
            get { return restored != null && restored.End > 0; }
        }

        /// <summary>How many lines of the outbox have their numbers.</summary>
        public int Numbered
        {
            get
            {
                if (!IsRecovering)
                    return Outbox.Count;
                return First < restored.End ? (int)(restored.End - First) : 0;
            }
        }

        /// <summary>
        /// Whether all lines that had numbers are accepted, and the server has said how the others go on.
        /// </summary>
        public bool CanGoOn
        {
            get { return IsRecovering && phase == Phase.Open && Numbered == 0; }
        }

        /// <summary>Whether the server remembers nothing of this memory; then another one begins.</summary>
        public bool IsForgotten
        {
            get { return restored.IsForgotten; }
        }

        /// <summary>The number that the next line gets then.</summary>
        public ulong GoesOnAt
        {
            get { return restored.Next; }
        }

        /// <summary>Takes a line that was kept. False: there is no room.</summary>
        public bool Recall(byte[] from, int offset, int length)
        {
            return Outbox.TryAdd(from, offset, length, 0);
        }

        /// <summary>
        /// Goes on where a memory ended that kept a part of what it sent; the lines that it kept are in the outbox
        /// again. The numbers of the first ones are known.
        /// </summary>
        public void Recover(ulong keptEpoch, ulong first, int numbered, bool knowsPeer, ulong peerEpoch, ulong accepted, ulong connections)
        {
            epoch = keptEpoch;
            hasEpoch = true;
            ulong end = first + (ulong)(uint)numbered;
            restored = new Recovery { End = end, Next = end };
            sender.Restore(first, numbered);
            opening.Restore(connections + ConnectionsSkipped);
            if (knowsPeer)
                receiver.Restore(peerEpoch, accepted);
        }

        /// <summary>The lines that had no numbers get them; to be called when the flash knows it.</summary>
        public void GoOn()
        {
            Recovery known = restored;
            if (known.IsForgotten)
            {
                // Others may know numbers of this memory that this end does not: none is given again.
                SpoilEpoch("the server remembers nothing of what was sent before the restart; a new memory begins");
                return;
            }

            sender.GoOn(known.Next, known.Window);
            restored = null;
            // The server waits for a line that nobody has any more. The next opening says so.
            if (known.Next > known.Seen + 1)
                Leave(LeaveReason.ConnectionLost, -1, "a line that was sent before the restart is lost; the link goes on without it");
        }

        /// <summary>The server has said what it has of the lines of this memory.</summary>
        private void Recover(bool isKnown, ulong rx, ulong seen)
        {
            restored.IsForgotten = !isKnown;
            if (!isKnown)
            {
                if (receiver.KnowsPeer)
                    host.Notice(SessionNotice.SessionNotResumed, 0, 0);
                return;
            }

            restored.Seen = seen;
            if (restored.Next <= seen)
                restored.Next = seen + 1;
            sender.Acknowledge(rx < restored.End ? rx : restored.End - 1, lastHeard);
        }

        /// <summary>
        /// The number of a line of this end that the server speaks of: of those whose lines are gone, the last that is
        /// known.
        /// </summary>
        private ulong Whole(int low)
        {
            if (!IsRecovering)
                return Sender.Whole(low, sender.SentEnd);
            ulong number = Sender.Whole(low, restored.Next);
            return number >= restored.End && number < restored.Next ? restored.End - 1 : number;
        }
    }
}
