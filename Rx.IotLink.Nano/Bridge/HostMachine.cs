using System.Text;

namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>
    /// The host's end: it greets the bridge with its configuration, asks for connections, and finds out when the bridge
    /// is dead (docs/bridge-protocol.md). A pure machine.
    /// </summary>
    internal sealed class HostMachine : FrameEnd
    {
        /// <summary>The longest name of a server, in bytes.</summary>
        public const int MaxHostBytes = Frame.MaxPayload - 4;

        /// <summary>The payload of a frame that resets.</summary>
        public const int ResetWord = 0x52534554;

        private const int HelloMs = 500;
        private const int LeastHelloMs = 100;
        private const int LingerMs = 2000;

        private readonly WireConfiguration configuration;
        private byte[] server;
        private int port;
        private bool started;
        private int nonce;
        private int bridgeNonce;
        private long greetedAt;
        private bool greeted;
        private long aliveAt;
        private long beatAt;
        private int lastBeats;
        private int allowanceMs;
        private int resetWaitMs;
        private int badBefore;
        private bool resetFrameOwed;
        private bool resetLineOwed;
        private bool openOwed;
        private bool endOwed;
        private bool ended;
        private byte closeOwed;
        private bool lingers;
        private long lingerUntil;

        public HostMachine(FrameSettings settings, WireConfiguration configuration, IRandomSource random)
            : base(0, settings, random)
        {
            this.configuration = configuration;
            resetWaitMs = settings.SilenceMs;
        }

        /// <summary>Counts the changes of <see cref="SessionFault"/>.</summary>
        public int Faults { get; private set; }

        /// <summary>Why there is no session; never null.</summary>
        public string SessionFault { get; private set; } = "";

        /// <summary>How often the bridge was reset.</summary>
        public int Resets { get; private set; }

        /// <summary>How often the bridge was met: after a start of either end, and after each silence.</summary>
        public int Sessions { get; private set; }

        /// <summary>Counts the messages of state, and the reports.</summary>
        public int StatusCount { get; private set; }

        public int ReportCount { get; private set; }

        /// <summary>What the bridge said last of itself; see <see cref="BridgeCondition"/>.</summary>
        public BridgeCondition Condition { get; private set; }

        public string ConditionText { get; private set; } = "";

        public int BridgeConnects { get; private set; }

        public int ReportNumber { get; private set; }

        public int BridgeMemory { get; private set; }

        /// <summary>
        /// Asks for a connection, in the place of the one that there was. Gives its number, which is not 0. An empty
        /// name: where the bridge itself is set to connect to.
        /// </summary>
        public byte Open(string host, int port)
        {
            server = Encoding.UTF8.GetBytes(host);
            this.port = port;
            ForgetReceived();
            Sending.DropUnsent();
            closeOwed = 0;
            lingers = false;
            Connection = (byte)(Connection == 255 ? 1 : Connection + 1);
            Opening++;
            State = ConnectionState.Opening;
            PeerEnded = false;
            Reason = "";
            openOwed = true;
            endOwed = false;
            ended = false;
            return Connection;
        }

        /// <summary>Writes to a connection; gives how much was taken.</summary>
        public override int Write(byte number, byte[] bytes, int offset, int count)
        {
            if (number != Connection || State != ConnectionState.Open || !InSession || ended)
                return 0;
            return Sending.Write(number, bytes, offset, count);
        }

        /// <summary>This end writes no more.</summary>
        public override void End(byte number)
        {
            if (number != Connection || State != ConnectionState.Open || ended)
                return;
            endOwed = true;
            ended = true;
        }

        /// <summary>
        /// Gives a connection up. If this end has ended it in order, what was written before still goes out.
        /// </summary>
        public void Close(byte number, long now)
        {
            if (number != Connection || State == ConnectionState.None)
                return;
            bool isOrderly = ended && State == ConnectionState.Open && InSession;
            State = ConnectionState.None;
            ForgetReceived();
            if (isOrderly && !PeerEnded)
            {
                lingers = true;
                lingerUntil = now + LingerMs;
                return;
            }

            if (!isOrderly)
            {
                Sending.DropUnsent();
                endOwed = false;
            }

            if (openOwed)
                openOwed = false;
            else if (InSession)
                closeOwed = number;
        }

        /// <summary>Resets the bridge.</summary>
        public void Reboot(long now)
        {
            Reset("the bridge was reset by this end", now);
        }

        /// <summary>
        /// Whether the reset wire is to be pulsed now; says so once. The frame that resets goes out by itself.
        /// </summary>
        public bool TakeReset()
        {
            bool owed = resetLineOwed;
            resetLineOwed = false;
            return owed;
        }

        /// <inheritdoc/>
        public override void Elapse(long now)
        {
            if (!started)
            {
                started = true;
                aliveAt = now;
                Greet();
            }

            if (!InSession)
            {
                if (now - aliveAt >= resetWaitMs)
                    Reset("no bridge answers" + (BadFrames != badBefore ? ": what comes is no frames, but another program's text, or another baud rate" : ""), now);
                return;
            }

            if (now - HeardAt >= LongestSilenceMs)
                Reset("the bridge fell silent", now);
            else if (now - beatAt >= Settings.BeatMs + allowanceMs)
                Reset("the bridge answers, but its program stands still", now);
            else if (Sending.IsStuck(now, 2 * Settings.SilenceMs))
                Reset("the bridge answers, but nothing gets through to it", now);
        }

        /// <inheritdoc/>
        protected override int FillAlone(long now)
        {
            if (resetFrameOwed)
            {
                resetFrameOwed = false;
                Head(Frame.Reset, nonce);
                Bytes.PutInt(Body, Frame.Header, ResetWord);
                return 4;
            }

            if (InSession || (greeted && now - greetedAt < HelloMs))
                return -1;
            greeted = true;
            greetedAt = now;
            Head(Frame.Hello, nonce);
            Body[Frame.Header] = Frame.Version;
            Body[Frame.Header + 1] = (byte)Settings.Window;
            return 2 + configuration.Put(Body, Frame.Header + 2);
        }

        /// <inheritdoc/>
        protected override void AddControls(long now)
        {
            if (lingers && (PeerEnded || now >= lingerUntil))
            {
                // What could not be sent for so long may stand in the way of what follows.
                if (now >= lingerUntil)
                    Sending.DropUnsent();
                lingers = false;
                endOwed = endOwed && PeerEnded;
                closeOwed = Connection;
            }

            if (endOwed && Sending.TakesControl)
            {
                endOwed = false;
                Sending.Add(Frame.End, 1)[0] = Connection;
            }

            if (closeOwed != 0 && !endOwed && Sending.TakesControl)
            {
                Sending.Add(Frame.Close, 1)[0] = closeOwed;
                closeOwed = 0;
            }

            if (openOwed && closeOwed == 0 && Sending.TakesControl)
            {
                openOwed = false;
                byte[] payload = Sending.Add(Frame.Open, 4 + server.Length);
                payload[0] = Connection;
                payload[1] = 0;
                Bytes.PutShort(payload, 2, port);
                System.Array.Copy(server, 0, payload, 4, server.Length);
            }
        }

        /// <inheritdoc/>
        protected override int FillNews(long now)
        {
            return -1;
        }

        /// <inheritdoc/>
        protected override long NextAlone(long now, long most)
        {
            if (resetFrameOwed || !started)
                return 0;
            if (!InSession)
                return Least(greeted ? greetedAt + HelloMs - now : 0, aliveAt + resetWaitMs - now);
            if (openOwed || endOwed || closeOwed != 0)
                return Sending.TakesControl ? 0 : PingMs;
            long next = Least(HeardAt + LongestSilenceMs, beatAt + Settings.BeatMs + allowanceMs) - now;
            if (lingers)
                next = Least(next, lingerUntil - now);
            return Least(next, most);
        }

        /// <inheritdoc/>
        protected override bool TakeAlone(int type, int said, byte[] body, int payload, long now)
        {
            int at = Frame.Header;
            switch (type)
            {
                case Frame.Welcome:
                    if (said == nonce && payload >= 6 && body[at + 1] > 0)
                        Meet(Bytes.GetInt(body, at + 2), body[at + 1], now);
                    return true;
                case Frame.Awake:
                    if (InSession)
                        LoseSession("the bridge has restarted", now);
                    else if (now - greetedAt >= LeastHelloMs)
                        greeted = false;
                    return true;
                case Frame.Bad:
                    if (said == nonce && !InSession)
                    {
                        aliveAt = now;
                        Tell("the bridge refuses this host: " + Bytes.GetText(body, at, payload));
                    }

                    return true;
                default:
                    return false;
            }
        }

        /// <inheritdoc/>
        protected override void TakeStrange(long now)
        {
            // Of a session before this one: the bridge learns of the new one by the greeting.
        }

        /// <inheritdoc/>
        protected override void TakeNews(int type, byte[] body, int payload, long now)
        {
            int at = Frame.Header;
            if (type == Frame.Status && payload >= 5)
            {
                Condition = (BridgeCondition)(body[at] <= (byte)BridgeCondition.Connected ? body[at] : 0);
                int beats = Bytes.GetShort(body, at + 1);
                if (beats != lastBeats)
                {
                    lastBeats = beats;
                    beatAt = now;
                    resetWaitMs = Settings.SilenceMs;
                }

                allowanceMs = Bytes.GetShort(body, at + 3) * 100;
                ConditionText = Bytes.GetText(body, at + 5, payload - 5);
                StatusCount++;
            }
            else if (type == Frame.Report && payload >= 12)
            {
                BridgeConnects = Bytes.GetInt(body, at);
                ReportNumber = Bytes.GetInt(body, at + 4);
                BridgeMemory = Bytes.GetInt(body, at + 8);
                ReportCount++;
            }
        }

        /// <inheritdoc/>
        protected override void TakeControl(int type, byte[] body, int payload, long now)
        {
            if (body[Frame.Header] != Connection)
                return;
            if (type == Frame.End || type == Frame.Close)
                PeerEnded = true;
            if (State != ConnectionState.Opening && State != ConnectionState.Open)
                return;
            if (type == Frame.Open)
            {
                State = ConnectionState.Open;
            }
            else if (type == Frame.Close)
            {
                State = ConnectionState.Over;
                Reason = Bytes.GetText(body, Frame.Header + 1, payload - 1);
            }
        }

        private int LongestSilenceMs
        {
            get { return allowanceMs > Settings.SilenceMs ? allowanceMs : Settings.SilenceMs; }
        }

        private static long Least(long one, long other)
        {
            return one < other ? one : other;
        }

        private void Greet()
        {
            nonce = DrawInt();
            greeted = false;
            badBefore = BadFrames;
        }

        private void Meet(int bridge, int credit, long now)
        {
            if (InSession && bridge == bridgeNonce)
                return;
            // It restarted between two of this end's greetings, and knows nothing of what this end has sent since.
            if (InSession)
            {
                LoseSession("the bridge has restarted", now);
                return;
            }

            bridgeNonce = bridge;
            BeginSession(nonce ^ bridge, credit, now);
            beatAt = now;
            allowanceMs = 0;
            lastBeats = -1;
            Sessions++;
        }

        private void Reset(string why, long now)
        {
            LoseSession(why, now);
            resetFrameOwed = true;
            resetLineOwed = true;
            Resets++;
            aliveAt = now;
            resetWaitMs = 2 * resetWaitMs < Settings.ResetCapMs ? 2 * resetWaitMs : Settings.ResetCapMs;
        }

        /// <inheritdoc/>
        protected override void LoseSession(string why, long now)
        {
            bool wasAsked = State == ConnectionState.Open || (State == ConnectionState.Opening && !openOwed);
            if (InSession)
                aliveAt = now;
            LeaveSession();
            closeOwed = 0;
            endOwed = false;
            lingers = false;
            Condition = BridgeCondition.Unknown;
            ConditionText = "";
            Greet();
            if (wasAsked)
            {
                State = ConnectionState.Over;
                Reason = why;
            }

            Tell(why);
        }

        private void Tell(string why)
        {
            SessionFault = why;
            Faults++;
        }
    }
}
