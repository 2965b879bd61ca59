namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>
    /// What both ends of the wire have in common, as a pure machine: bytes and time go in, frames come out. It never
    /// throws, whatever the bytes; it has no lock, clock, thread or input and output of its own.
    /// </summary>
    internal abstract class FrameEnd
    {
        /// <summary>The most data in a frame, after the number of its connection.</summary>
        public const int DataBytes = Frame.MaxPayload - 1;

        /// <summary>How often an end says that it is there.</summary>
        public const int PingMs = 1000;

        private const int LongestWaitMs = 60000;

        private readonly FrameReader reader = new FrameReader();
        private readonly byte direction;
        private readonly ByteRing received;
        private int session;
        private byte expected;
        private byte toldEdge;
        private bool ackOwed;
        private long saidAt;

        protected FrameEnd(byte direction, FrameSettings settings, IRandomSource random)
        {
            this.direction = direction;
            Settings = settings;
            Random = random;
            Sending = new SendWindow(settings.Window, settings.RepeatMs);
            received = new ByteRing(settings.Window * DataBytes);
            Body = new byte[Frame.MaxBody];
        }

        /// <summary>Whether the other end is there and both are in the same session.</summary>
        public bool InSession { get; private set; }

        /// <summary>The connection to the server.</summary>
        public ConnectionState State { get; protected set; }

        /// <summary>Its number: 0 none, then 1 to 255 in turn.</summary>
        public byte Connection { get; protected set; }

        /// <summary>
        /// How many connections there were: names this one beyond its number, which a host that restarts gives again.
        /// </summary>
        public int Opening { get; protected set; }

        /// <summary>Why it is over, or why the session ended; never null.</summary>
        public string Reason { get; protected set; } = "";

        /// <summary>Whether the other end sends no more data on this connection.</summary>
        public bool PeerEnded { get; protected set; }

        /// <summary>Bytes that came and were not read yet.</summary>
        public int Readable
        {
            get { return received.Count; }
        }

        /// <summary>Frames that came whole.</summary>
        public int Frames { get; private set; }

        /// <summary>Pieces that were no frames.</summary>
        public int BadFrames
        {
            get { return reader.BadFrames; }
        }

        /// <summary>Frames of this end that came back: the wire is connected to itself.</summary>
        public int Echoes { get; private set; }

        /// <summary>Frames that this end sent again.</summary>
        public int Repeated
        {
            get { return Sending.Repeated; }
        }

        protected FrameSettings Settings { get; }

        protected IRandomSource Random { get; }

        protected SendWindow Sending { get; }

        /// <summary>The frame that is made next.</summary>
        protected byte[] Body { get; }

        /// <summary>When a valid frame of the session came last.</summary>
        protected long HeardAt { get; set; }

        private int Credit
        {
            get { return received.Free / DataBytes; }
        }

        /// <summary>Takes bytes from the wire.</summary>
        public void Receive(byte[] bytes, int offset, int count, long now)
        {
            Elapse(now);
            for (int at = offset; at < offset + count; at++)
            {
                if (reader.Take(bytes[at]))
                    Handle(now);
            }
        }

        /// <summary>
        /// Makes the next frame that is to be sent, if there is one now; gives its length, or 0. The buffer has room
        /// for <see cref="Frame.MaxEncoded"/>.
        /// </summary>
        public int Fill(byte[] output, long now)
        {
            Elapse(now);
            int payload = FillAlone(now);
            if (payload < 0 && InSession)
                payload = FillInSession(now);
            return payload < 0 ? 0 : Frame.Encode(Body, payload, output);
        }

        /// <summary>
        /// Milliseconds until <see cref="Fill"/> may have something again, unless something else happens.
        /// </summary>
        public int NextIn(long now)
        {
            if (InSession && (ackOwed || IsWindowNews))
                return 0;
            long next = NextAlone(now, LongestWaitMs);
            if (InSession)
            {
                next = Sending.NextIn(now, (int)(next < 0 ? 0 : next));
                long ping = saidAt + PingMs - now;
                next = ping < next ? ping : next;
            }

            return next < 0 ? 0 : (int)next;
        }

        /// <summary>
        /// The wire is gone, as when a cable is unplugged: so is the session, and what came of a frame.
        /// </summary>
        public void WireLost(string why, long now)
        {
            reader.Clear();
            if (InSession)
                LoseSession(why, now);
        }

        /// <summary>Takes received bytes; gives how many.</summary>
        public int Read(byte[] bytes, int offset, int count)
        {
            return received.Take(bytes, offset, count);
        }

        /// <summary>Writes to a connection; gives how much was taken.</summary>
        public abstract int Write(byte number, byte[] bytes, int offset, int count);

        /// <summary>No more is written to a connection.</summary>
        public abstract void End(byte number);

        /// <summary>What is due by time alone.</summary>
        public abstract void Elapse(long now);

        /// <summary>Makes a frame that needs no session, or gives -1.</summary>
        protected abstract int FillAlone(long now);

        /// <summary>Adds numbered frames that are due, as far as there is room for them.</summary>
        protected abstract void AddControls(long now);

        /// <summary>Makes a frame of this session that is not numbered, or gives -1.</summary>
        protected abstract int FillNews(long now);

        /// <summary>Milliseconds until this end has something to do, at most so many.</summary>
        protected abstract long NextAlone(long now, long most);

        /// <summary>Takes a frame that needs no session; gives whether it was one.</summary>
        protected abstract bool TakeAlone(int type, int said, byte[] body, int payload, long now);

        /// <summary>Takes a frame of another session than this one.</summary>
        protected abstract void TakeStrange(long now);

        /// <summary>Takes a frame of this session that has no number.</summary>
        protected abstract void TakeNews(int type, byte[] body, int payload, long now);

        /// <summary>Takes a numbered frame that is not data. At least one byte is there.</summary>
        protected abstract void TakeControl(int type, byte[] body, int payload, long now);

        protected void BeginSession(int number, int credit, long now)
        {
            session = number;
            InSession = true;
            expected = 0;
            toldEdge = (byte)Settings.Window;
            ackOwed = true;
            received.Clear();
            Sending.Clear(credit);
            HeardAt = now;
            saidAt = now;
        }

        protected void LeaveSession()
        {
            InSession = false;
            received.Clear();
            Sending.Clear(0);
        }

        /// <summary>Ends the session, and the connection with it.</summary>
        protected abstract void LoseSession(string why, long now);

        protected void ForgetReceived()
        {
            received.Clear();
        }

        protected int DrawInt()
        {
            byte[] drawn = new byte[4];
            Random.Fill(drawn);
            return Bytes.GetInt(drawn, 0);
        }

        /// <summary>Heads a frame that needs no session.</summary>
        protected void Head(int type, int said)
        {
            Body[0] = (byte)(type | direction);
            Bytes.PutInt(Body, 1, said);
            Body[5] = 0;
            Body[6] = 0;
            Body[7] = 0;
        }

        /// <summary>Heads a frame of this session, which says what has arrived.</summary>
        protected void HeadOfSession(int type, long now)
        {
            Head(type, session);
            Body[6] = expected;
            Body[7] = (byte)Credit;
            Said(now);
        }

        private bool IsWindowNews
        {
            get
            {
                int news = (byte)(expected + Credit - toldEdge);
                return news > 0 && news <= Settings.Window && 2 * news >= Settings.Window;
            }
        }

        private int FillInSession(long now)
        {
            AddControls(now);
            int news = FillNews(now);
            if (news >= 0)
                return news;
            if (Sending.HasNext(now))
            {
                int payload = Sending.TakeNext(Body, direction, now);
                Bytes.PutInt(Body, 1, session);
                Body[6] = expected;
                Body[7] = (byte)Credit;
                Said(now);
                return payload;
            }

            if (!ackOwed && !IsWindowNews && now - saidAt < PingMs)
                return -1;
            HeadOfSession(Frame.Ack, now);
            return 0;
        }

        private void Said(long now)
        {
            saidAt = now;
            ackOwed = false;
            toldEdge = (byte)(expected + Credit);
        }

        private void Handle(long now)
        {
            byte[] body = reader.Body;
            int payload = reader.Payload;
            Frames++;
            if ((body[0] & Frame.FromBridge) == direction)
            {
                Echoes++;
                return;
            }

            int type = body[0] & ~Frame.FromBridge;
            int said = Bytes.GetInt(body, 1);
            if (TakeAlone(type, said, body, payload, now))
                return;
            if (!InSession || said != session)
            {
                TakeStrange(now);
                return;
            }

            HeardAt = now;
            Sending.Acknowledge(body[6], body[7], now);
            if (Frame.IsNumbered(type))
                TakeNumbered(type, body, payload, now);
            else
                TakeNews(type, body, payload, now);
        }

        private void TakeNumbered(int type, byte[] body, int payload, long now)
        {
            // Also for one that came before, or too early: so the other end learns where it is.
            ackOwed = true;
            if (body[5] != expected)
                return;
            if (type == Frame.Data && payload > 1 && IsForConnection(body[Frame.Header]))
            {
                // More than the credit allows: not acknowledged, so nothing is lost.
                if (received.Free < payload - 1)
                    return;
                received.Put(body, Frame.Header + 1, payload - 1);
            }
            else if (type != Frame.Data && payload > 0)
            {
                TakeControl(type, body, payload, now);
            }

            expected++;
        }

        private bool IsForConnection(byte number)
        {
            return number == Connection && State == ConnectionState.Open && !PeerEnded;
        }
    }
}
