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
        private readonly PeerMemory[] earlier = new PeerMemory[MaxEarlier];
        private PeerMemory peer;
        private int earlierCount;
        private int lastMark;
        private bool repeated;

        public Receiver(SessionSettings settings, ISessionHost host)
        {
            inbox = new LineRing(settings.InboxLines, settings.InboxBytes, true);
            this.host = host;
            window = settings.Window;
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

        public bool AcknowledgementDue { get; private set; }

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
            AcknowledgementDue = false;
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
            AcknowledgementDue = false;
            peer = NewMemory(epoch, oldest - 1);
            return !same;
        }

        public void Take(int low, byte[] bytes, int offset, int count)
        {
            short ahead = (short)(low - (int)(Arrived & 0xFFFF));
            if (ahead == 1)
            {
                if (!Put(bytes, offset, count, peer.Mark))
                    return;
                peer.Arrived++;
                peer.HasLines = true;
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
                AcknowledgementDue = true;
        }

        public void TakeBestEffort(byte[] bytes, int offset, int count)
        {
            Put(bytes, offset, count, Unnumbered);
        }

        /// <summary>The application has accepted the oldest line of the inbox.</summary>
        public void Accept()
        {
            int mark = inbox.Mark(0);
            inbox.RemoveFirst();
            if (mark == Unnumbered)
                return;
            if (mark == peer.Mark)
            {
                peer.Accept();
                AcknowledgementDue = true;
                return;
            }

            for (int at = 0; at < earlierCount; at++)
            {
                if (earlier[at].Mark == mark)
                    earlier[at].Accept();
            }
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
            AcknowledgementDue = false;
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
            AcknowledgementDue = true;
        }

        private bool Put(byte[] bytes, int offset, int count, int mark)
        {
            if (!inbox.TryAdd(bytes, offset, count, mark))
            {
                host.Withheld();
                return false;
            }

            host.Arrived(bytes, offset, count);
            return true;
        }

        /// <summary>
        /// Another memory takes the place of this one, which may come back; not one that has brought no line.
        /// </summary>
        private void SetAside()
        {
            AcknowledgementDue = false;
            if (peer == null || !peer.HasLines)
                return;
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
            private int givenUpCount;

            public void Accept()
            {
                Accepted++;
                PassGivenUp();
            }

            /// <summary>The next number arrives, and has no line.</summary>
            public void GiveUp(int most)
            {
                if (givenUp == null)
                    givenUp = new ulong[most];
                Arrived++;
                givenUp[givenUpCount++] = Arrived;
                PassGivenUp();
            }

            private void PassGivenUp()
            {
                int passed = 0;
                while (passed < givenUpCount && givenUp[passed] == Accepted + 1)
                {
                    Accepted++;
                    passed++;
                }

                givenUpCount -= passed;
                for (int at = 0; at < givenUpCount; at++)
                    givenUp[at] = givenUp[at + passed];
            }
        }
    }
}
