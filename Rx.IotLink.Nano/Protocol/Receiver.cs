namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>The receiving side: the inbox, what of it is accepted, and what the peer must be told of both.</summary>
    internal sealed class Receiver
    {
        private const int Numbered = 1;
        private const int Unnumbered = 0;

        private readonly LineRing inbox;
        private readonly ISessionHost host;
        private ulong arrived;
        private bool repeated;

        public Receiver(SessionSettings settings, ISessionHost host)
        {
            inbox = new LineRing(settings.InboxLines, settings.InboxBytes, true);
            this.host = host;
        }

        public LineRing Inbox
        {
            get { return inbox; }
        }

        /// <summary>Whether a peer was ever met.</summary>
        public bool KnowsPeer { get; private set; }

        public ulong PeerEpoch { get; private set; }

        /// <summary>The number of the last accepted line.</summary>
        public ulong Accepted { get; private set; }

        /// <summary>The number of the last line that has arrived.</summary>
        public ulong Arrived
        {
            get { return arrived; }
        }

        public bool AcknowledgementDue { get; private set; }

        /// <summary>Whether numbered lines have arrived that wait for the application.</summary>
        public bool LinesWait
        {
            get { return arrived > Accepted; }
        }

        public void Restore(ulong peerEpoch, ulong accepted)
        {
            KnowsPeer = true;
            PeerEpoch = peerEpoch;
            Accepted = arrived = accepted;
        }

        /// <summary>An opening was said: it tells what is accepted by now. What is accepted from here on is to be acknowledged.</summary>
        public void Offered()
        {
            AcknowledgementDue = false;
            repeated = false;
        }

        /// <summary>A connection opens with a peer of this epoch whose oldest line has this number. False: lines from the number after the last that arrived were lost at the peer.</summary>
        public bool Open(ulong epoch, ulong oldest, out ulong firstLost)
        {
            firstLost = arrived + 1;
            bool same = KnowsPeer && PeerEpoch == epoch;
            if (same && oldest <= arrived + 1)
                return true;
            // Another memory, other numbers: what still waits must never be acknowledged under the new ones. Nor need
            // it be where the same memory has gone on without it.
            AcknowledgementDue = false;
            for (int index = 0; index < inbox.Count; index++)
                inbox.SetMark(index, Unnumbered);
            KnowsPeer = true;
            PeerEpoch = epoch;
            Accepted = arrived = oldest - 1;
            return !same;
        }

        public void Take(int low, byte[] bytes, int offset, int count)
        {
            short ahead = (short)(low - (int)(arrived & 0xFFFF));
            if (ahead == 1)
            {
                if (Put(bytes, offset, count, Numbered))
                    arrived++;
                return;
            }

            // A repetition; or a gap, where what is missing is asked for by saying at once where we are.
            if (ahead <= 0)
                host.Duplicate();
            repeated = true;
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
            Accepted++;
            AcknowledgementDue = true;
        }

        /// <summary>One acknowledgement for all that was accepted since the last; and, to a peer that repeats what waits here, that it has arrived.</summary>
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
            output.Low(arrived);
            output.Byte(AsciiText.LineFeed);
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
    }
}
