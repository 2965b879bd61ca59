namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>
    /// The receiving side: the inbox, which lines are accepted, and what it must report to the peer. It remembers this
    /// for the last few memories of the peer, since an impostor may have come in between.
    /// </summary>
    internal sealed class Receiver
    {
        private const int MaxEarlier = 4;
        private const int Unnumbered = 0;

        private readonly LineRing inbox;
        private readonly ISessionHost host;
        private readonly int window;
        private readonly int maxLineBytes;

        // Whether the inbox keeps room for a whole window of the longest lines.
        private readonly bool keepsRoom;
        private PeerMemory[] earlier;
        private PeerMemory peer;
        private int earlierCount;
        private int lastMark;
        private bool repeated;
        private bool acknowledgementDue;

        public Receiver(SessionSettings settings, ISessionHost host)
        {
            inbox = new LineRing(settings.InboxLines, settings.InboxBytes, true);
            this.host = host;
            window = settings.Window;
            maxLineBytes = settings.MaxLineBytes;
            keepsRoom = settings.InboxLines > window && settings.InboxBytes / window >= maxLineBytes;
        }

        public LineRing Inbox
        {
            get { return inbox; }
        }

        /// <summary>Whether a peer was ever met.</summary>
        public bool KnowsPeer
        {
            get { return peer != null; }
        }

        public ulong PeerEpoch
        {
            get { return peer != null ? peer.Epoch : 0; }
        }

        /// <summary>The number of the last accepted line.</summary>
        public ulong Accepted
        {
            get { return peer != null ? peer.Accepted : 0; }
        }

        /// <summary>The number of the last line that has arrived.</summary>
        public ulong Arrived
        {
            get { return peer != null ? peer.Arrived : 0; }
        }

        public bool AcknowledgementDue
        {
            get { return acknowledgementDue; }
        }

        /// <summary>Whether numbered lines have arrived that wait for the application.</summary>
        public bool LinesWait
        {
            get { return Arrived > Accepted; }
        }

        public void Restore(ulong peerEpoch, ulong accepted)
        {
            peer = NewMemory(peerEpoch, accepted);
            peer.HasLines = accepted > 0;
        }

        /// <summary>
        /// An opening was sent, and has reported all acceptances so far. Only later ones must be acknowledged.
        /// </summary>
        public void Offered()
        {
            acknowledgementDue = false;
            repeated = false;
        }

        /// <summary>
        /// A peer with this epoch has come. Gives whether it is an earlier memory, which then becomes the current one.
        /// </summary>
        public bool Recall(ulong epoch)
        {
            if (KnowsPeer && PeerEpoch == epoch)
                return false;
            for (int at = 0; at < earlierCount; at++)
            {
                if (earlier[at].Epoch != epoch)
                    continue;
                PeerMemory known = earlier[at];
                Forget(at);
                SetAside();
                peer = known;
                return true;
            }

            return false;
        }

        /// <summary>
        /// A connection opens with a peer of this epoch whose oldest line has this number. False: lines from the number
        /// after the last that arrived were lost at the peer.
        /// </summary>
        public bool Open(ulong epoch, ulong oldest, out ulong firstLost)
        {
            firstLost = Arrived + 1;
            bool same = KnowsPeer && PeerEpoch == epoch;
            if (same && oldest <= Arrived + 1)
                return true;
            // Another memory, other numbers: what still waits must never be acknowledged under the new ones. Nor need
            // it be where the same memory has gone on without it.
            if (!same)
                SetAside();
            acknowledgementDue = false;
            peer = NewMemory(epoch, oldest - 1);
            return !same;
        }

        public void Take(int low, byte[] bytes, int offset, int count)
        {
            short ahead = (short)(low - (int)(Arrived & 0xFFFF));
            if (ahead == 1)
            {
                if (!inbox.TryAdd(bytes, offset, count, peer.Mark))
                {
                    host.Withheld();
                    return;
                }

                // At once: the next call may find no memory, and the line is there.
                peer.Arrived++;
                peer.HasLines = true;
                host.Arrived(bytes, offset, count);
                return;
            }

            TakeOutOfTurn(ahead);
        }

        /// <summary>The peer has given up the line of this number: it counts, and there is nothing to put.</summary>
        public void TakeGivenUp(int low)
        {
            short ahead = (short)(low - (int)(Arrived & 0xFFFF));
            if (ahead != 1)
            {
                TakeOutOfTurn(ahead);
                return;
            }

            if (Arrived - Accepted >= (ulong)(uint)window)
            {
                host.Withheld();
                return;
            }

            peer.HasLines = true;
            peer.GiveUp(window);
            if (Accepted == Arrived)
                acknowledgementDue = true;
        }

        public void TakeBestEffort(byte[] bytes, int offset, int count)
        {
            if (LeavesRoom(count) && inbox.TryAdd(bytes, offset, count, Unnumbered))
                host.Arrived(bytes, offset, count);
            else
                host.Withheld();
        }

        /// <summary>The application has accepted the oldest line of the inbox.</summary>
        public void Accept()
        {
            int mark = inbox.Mark(0);
            PeerMemory memory = null;
            if (mark != Unnumbered && mark == peer.Mark)
                memory = peer;
            for (int at = 0; at < earlierCount && memory == null; at++)
            {
                if (mark != Unnumbered && earlier[at].Mark == mark)
                    memory = earlier[at];
            }

            inbox.RemoveFirst();
            if (memory == null)
                return;
            // At once: the next call may find no memory, and the line is gone.
            memory.Accepted++;
            if (memory == peer)
                acknowledgementDue = true;
            if (memory.GivenUpCount > 0)
                memory.PassGivenUp();
        }

        /// <summary>
        /// One acknowledgement for all that was accepted since the last; and, to a peer that repeats what waits here,
        /// that it has arrived.
        /// </summary>
        public void Acknowledge(Output output)
        {
            if (!AcknowledgementDue)
                return;
            output.Byte((byte)'=');
            output.Low(Accepted);
            output.Byte(AsciiText.LineFeed);
            if (repeated && LinesWait)
                SayArrived(output);
            acknowledgementDue = false;
            repeated = false;
        }

        public void SayArrived(Output output)
        {
            output.Byte((byte)'~');
            output.Low(Arrived);
            output.Byte(AsciiText.LineFeed);
        }

        private void TakeOutOfTurn(short ahead)
        {
            // A repetition; or a gap, where what is missing is asked for by saying at once where we are.
            if (ahead <= 0)
                host.Duplicate();
            repeated = true;
            acknowledgementDue = true;
        }

        /// <summary>
        /// Whether there is room for all lines that the peer may send, beside a best-effort line. Otherwise those would
        /// have to be repeated, one after another.
        /// </summary>
        private bool LeavesRoom(int count)
        {
            if (!keepsRoom)
                return true;
            int more = window - (int)(Arrived - Accepted);
            return inbox.FreeLines - 1 >= more && inbox.FreeBytes - (count == 0 ? 1 : count) >= more * maxLineBytes;
        }

        /// <summary>
        /// Another memory takes the place of this one, which may come back; not one that has brought no line.
        /// </summary>
        private void SetAside()
        {
            acknowledgementDue = false;
            if (peer == null || !peer.HasLines)
                return;
            if (earlier == null)
                earlier = new PeerMemory[MaxEarlier];
            if (earlierCount == MaxEarlier)
                Forget(0);
            earlier[earlierCount++] = peer;
        }

        private void Forget(int index)
        {
            earlierCount--;
            for (int at = index; at < earlierCount; at++)
                earlier[at] = earlier[at + 1];
            earlier[earlierCount] = null;
        }

        private PeerMemory NewMemory(ulong epoch, ulong accepted)
        {
            lastMark++;
            return new PeerMemory { Epoch = epoch, Accepted = accepted, Arrived = accepted, Mark = lastMark };
        }

        /// <summary>What is known of one memory of the peer.</summary>
        private sealed class PeerMemory
        {
            public ulong Epoch;

            public ulong Accepted;

            public ulong Arrived;

            /// <summary>What its lines in the inbox are marked with.</summary>
            public int Mark;

            /// <summary>Whether a line of it was taken that may come again.</summary>
            public bool HasLines;

            // Numbers that have arrived without a line, behind a line that waits. Made with the first of them.
            private ulong[] givenUp;

            public int GivenUpCount;

            /// <summary>The next number arrives, and has no line.</summary>
            public void GiveUp(int most)
            {
                if (givenUp == null)
                    givenUp = new ulong[most];
                Arrived++;
                givenUp[GivenUpCount++] = Arrived;
                PassGivenUp();
            }

            public void PassGivenUp()
            {
                int passed = 0;
                while (passed < GivenUpCount && givenUp[passed] == Accepted + 1)
                {
                    Accepted++;
                    passed++;
                }

                GivenUpCount -= passed;
                for (int at = 0; at < GivenUpCount; at++)
                    givenUp[at] = givenUp[at + passed];
            }
        }
    }
}
