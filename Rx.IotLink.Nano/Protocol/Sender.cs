namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>
    /// The sending side: numbers, the window, what must be sent again. All exactly-once lines, sent or not, are in one
    /// ring; the oldest has number <see cref="First"/>.
    /// </summary>
    internal sealed class Sender
    {
        private readonly LineRing ring;
        private readonly LineRing bestEffort;
        private readonly ISessionHost host;
        private ulong first = 1;
        private ulong next = 1;
        private ulong sentEnd = 1;
        private ulong arrived;
        private ulong filled = 1;
        private int window;
        private int peerMax = int.MaxValue;

        public Sender(SessionSettings settings, ISessionHost host)
        {
            ring = new LineRing(settings.OutboxLines, settings.OutboxBytes, false);
            bestEffort = new LineRing(settings.BestEffortLines, settings.BestEffortBytes, false);
            this.host = host;
        }

        /// <summary>Number of the oldest line, or of the next one if there is none.</summary>
        public ulong First
        {
            get { return first; }
        }

        /// <summary>When what has not arrived is sent again.</summary>
        public RepetitionClock Clock { get; } = new RepetitionClock();

        /// <summary>Number of the first line that was never sent.</summary>
        public ulong SentEnd
        {
            get { return sentEnd; }
        }

        /// <summary>
        /// Exactly-once lines that are not accepted yet, and best-effort lines that are not sent yet.
        /// </summary>
        public int Count
        {
            get { return ring.Count + bestEffort.Count; }
        }

        /// <summary>The longest line the peer takes, as far as is known.</summary>
        public int PeerMax
        {
            get { return peerMax; }
        }

        /// <summary>Exactly-once lines that are not accepted, oldest first.</summary>
        public LineRing Lines
        {
            get { return ring; }
        }

        public bool TryAdd(byte[] line, int length)
        {
            return ring.TryAdd(line, 0, length, 0);
        }

        /// <summary>Takes a best-effort line; the oldest that wait give way. Gives how many did.</summary>
        public int AddBestEffort(byte[] line, int length)
        {
            int dropped = 0;
            while (!bestEffort.TryAdd(line, 0, length, 0))
            {
                bestEffort.RemoveFirst();
                dropped++;
            }

            return dropped;
        }

        /// <summary>Goes on where a kept memory ended.</summary>
        public void Restore(ulong number)
        {
            first = next = filled = number;
            arrived = number - 1;
            // All that is held was sent by the memory that kept it.
            sentEnd = number + (ulong)(uint)ring.Count;
        }

        /// <summary>
        /// Goes on where a kept memory ended that did not keep all that it sent: only of so many lines at the front the
        /// numbers are known.
        /// </summary>
        public void Restore(ulong number, int numbered)
        {
            Restore(number);
            sentEnd = number + (ulong)(uint)numbered;
        }

        /// <summary>What follows has its numbers from here on, and everything before was sent.</summary>
        public void GoOn(ulong number, int peerWindow)
        {
            first = next = filled = sentEnd = number;
            arrived = number - 1;
            window = peerWindow;
        }

        /// <summary>The window as it is for now.</summary>
        public void Limit(int lines)
        {
            window = lines;
        }

        /// <summary>A new epoch: numbers begin anew, with nothing sent.</summary>
        public void Renumber()
        {
            first = next = filled = sentEnd = 1;
            arrived = 0;
        }

        /// <summary>
        /// A connection opens: everything unacknowledged goes again, within the peer's window. False: a line that was
        /// sent before is longer than the peer takes now; it has its number, which cannot be left out.
        /// </summary>
        public bool Open(int peerWindow, int max, int timeoutMs)
        {
            window = peerWindow;
            Clock.Open(timeoutMs);
            peerMax = max;
            SendAgainFrom(first);
            for (int index = 0; index < ring.Count && first + (ulong)(uint)index < sentEnd; index++)
            {
                if (ring.Length(index) > max)
                    return false;
            }

            DropLonger(ring, max);
            DropLonger(bestEffort, max);
            return true;
        }

        /// <summary>The connection has ended: the next server may be another one.</summary>
        public void Close()
        {
            peerMax = int.MaxValue;
        }

        /// <summary>All lines up to this number are accepted. False: so many were never sent.</summary>
        public bool Acknowledge(ulong number, long now)
        {
            if (number >= sentEnd)
                return false;
            if (number < first)
                return true;
            Progress(now);
            while (first <= number)
            {
                host.Finished(true, ring.Bytes, ring.Start(0), ring.Length(0));
                ring.RemoveFirst();
                // All at once: the next call may find no memory.
                first++;
                if (next < first)
                    next = first;
                if (arrived < first - 1)
                    arrived = first - 1;
            }

            return true;
        }

        /// <summary>
        /// All lines up to this number have arrived, and wait for the peer's application: they need not be sent again.
        /// </summary>
        public bool Arrived(ulong number, long now)
        {
            if (number >= sentEnd)
                return false;
            if (number >= Oldest)
                Progress(now);
            if (arrived < number)
                arrived = number;
            if (next < arrived + 1)
                next = arrived + 1;
            return true;
        }

        /// <summary>
        /// Nothing waits for the peer's application any more: what had arrived was accepted, and if it is not
        /// acknowledged by now, the acknowledgement was lost.
        /// </summary>
        public void NothingWaits()
        {
            if (arrived >= first)
                arrived = first - 1;
        }

        /// <summary>The number that 16 bits of it stand for: the one nearest to another.</summary>
        public static ulong Whole(int low, ulong nearest)
        {
            return nearest + (ulong)(long)(short)(low - (int)(nearest & 0xFFFF));
        }

        /// <summary>What was filled before was taken by the connection.</summary>
        public void Taken(long now)
        {
            // Of the oldest line alone: others may be sent for ever.
            if (filled <= Oldest && Oldest < next)
                Clock.Begin(now);
            filled = next;
        }

        /// <summary>
        /// When what has not arrived is to be sent again; never, if there is nothing, or some of it is still being
        /// sent.
        /// </summary>
        public long RepeatAt
        {
            get { return Oldest < next && next <= filled ? Clock.Due(ring.Length((int)(Oldest - first))) : long.MaxValue; }
        }

        /// <summary>What has not arrived is lost: it goes again.</summary>
        public void SendAgain()
        {
            Clock.Repeat();
            SendAgainFrom(Oldest);
        }

        public bool CanSend
        {
            get { return HasNext || bestEffort.Count > 0; }
        }

        /// <summary>
        /// Sends what the window and the output have room for; best effort after exactly once, which it must not delay.
        /// </summary>
        public void Send(Output output)
        {
            while (HasNext)
            {
                int index = (int)(next - first);
                if (output.Room < ring.Length(index) + 6)
                    return;
                output.Byte((byte)'+');
                output.Low(next);
                output.Append(ring.Bytes, ring.Start(index), ring.Length(index));
                output.Byte(AsciiText.LineFeed);
                if (next < sentEnd)
                    host.Repeated();
                next++;
                if (sentEnd < next)
                    sentEnd = next;
            }

            while (bestEffort.Count > 0 && output.Room >= bestEffort.Length(0) + 2)
            {
                output.Byte((byte)'-');
                output.Append(bestEffort.Bytes, bestEffort.Start(0), bestEffort.Length(0));
                output.Byte(AsciiText.LineFeed);
                host.Finished(false, bestEffort.Bytes, bestEffort.Start(0), bestEffort.Length(0));
                bestEffort.RemoveFirst();
            }
        }

        /// <summary>Number of the oldest line that the peer has not said to have.</summary>
        private ulong Oldest
        {
            get { return first > arrived ? first : arrived + 1; }
        }

        private bool HasNext
        {
            get { return next - first < (ulong)(uint)ring.Count && next - first < (ulong)(uint)window; }
        }

        private void DropLonger(LineRing lines, int max)
        {
            for (int index = 0; index < lines.Count;)
            {
                if (lines.Length(index) <= max)
                {
                    index++;
                    continue;
                }

                host.Impossible(lines.Bytes, lines.Start(index), lines.Length(index));
                lines.RemoveAt(index);
            }
        }

        private void SendAgainFrom(ulong number)
        {
            if (arrived >= number)
                arrived = number - 1;
            next = filled = number;
        }

        private void Progress(long now)
        {
            Clock.Progress(Oldest < next ? ring.Length((int)(Oldest - first)) : -1, now);
        }
    }
}
