using System;

namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>
    /// The bridge's end: it answers a host, and says which connection is wanted. A pure machine
    /// (docs/bridge-protocol.md).
    /// </summary>
    internal sealed class BridgeMachine : FrameEnd
    {
        private const int StrangeMs = 100;
        private const int MaxText = 80;

        private int hostNonce;
        private int nonce;
        private bool started;
        private bool welcomeOwed;
        private string refusal;
        private bool awakeOwed;
        private long awakeAt;
        private bool statusOwed;
        private long statusAt;
        private long reportAt;
        private int reports;
        private bool resetOwed;
        private bool openedOwed;
        private bool endOwed;
        private bool ended;
        private bool closeOwed;
        private int beats;
        private BridgeCondition condition = BridgeCondition.Unknown;
        private int allowanceMs;
        private string conditionText = "";

        public BridgeMachine(FrameSettings settings, IRandomSource random)
            : base(Frame.FromBridge, settings, random)
        {
        }

        /// <summary>What the host said at the start of the session; null before the first.</summary>
        public WireConfiguration Configuration { get; private set; }

        /// <summary>How many sessions there were: with each the configuration may be another.</summary>
        public int Sessions { get; private set; }

        /// <summary>Where the host wants a connection to; an empty name leaves it to the bridge.</summary>
        public string Host { get; private set; } = "";

        /// <summary>The port of it.</summary>
        public int Port { get; private set; }

        /// <summary>How often this bridge has connected, and its free memory in bytes: for the reports.</summary>
        public int Connects { get; set; }

        public int FreeMemory { get; set; }

        /// <summary>
        /// The main loop of the bridge's program comes by. If it does not, the host resets the bridge.
        /// </summary>
        public void Beat()
        {
            beats = (beats + 1) & 0xFFFF;
        }

        /// <summary>
        /// Says what the bridge does, in the next frame but those that wait. The bridge may then be silent for so long,
        /// up to 6,553 s, before the host takes it for dead.
        /// </summary>
        public void Tell(BridgeCondition what, string text, int mayBeSilentMs)
        {
            if (what == condition && text == conditionText && mayBeSilentMs == allowanceMs)
                return;
            condition = what;
            conditionText = text;
            allowanceMs = mayBeSilentMs;
            statusOwed = true;
        }

        /// <summary>The wanted connection is there.</summary>
        public void Opened(byte number)
        {
            if (number != Connection || State != ConnectionState.Opening)
                return;
            State = ConnectionState.Open;
            openedOwed = true;
        }

        /// <summary>Passes bytes of the server on; gives how many were taken.</summary>
        public override int Write(byte number, byte[] bytes, int offset, int count)
        {
            if (number != Connection || State != ConnectionState.Open || openedOwed || endOwed || ended)
                return 0;
            return Sending.Write(number, bytes, offset, count);
        }

        /// <summary>The server sends no more.</summary>
        public override void End(byte number)
        {
            if (number != Connection || State != ConnectionState.Open || ended)
                return;
            endOwed = true;
            ended = true;
        }

        /// <summary>
        /// The connection could not be made, or is over; what was written before arrives before that.
        /// </summary>
        public void Fail(byte number, string why)
        {
            if (number != Connection || (State != ConnectionState.Open && State != ConnectionState.Opening))
                return;
            State = ConnectionState.Over;
            Reason = why;
            endOwed = false;
            closeOwed = true;
        }

        /// <summary>Whether the host wants this bridge to restart; says so once.</summary>
        public bool TakeReset()
        {
            bool owed = resetOwed;
            resetOwed = false;
            return owed;
        }

        /// <summary>Forgets all, as a restart does.</summary>
        public void Restart(long now)
        {
            LoseSession("the host wants a restart", now);
        }

        /// <inheritdoc/>
        public override void Elapse(long now)
        {
            if (!started)
            {
                started = true;
                awakeAt = now;
                awakeOwed = true;
            }

            if (InSession)
            {
                if (now - HeardAt >= Settings.SilenceMs)
                    LoseSession("the host fell silent", now);
                else if (Sending.IsStuck(now, 2 * Settings.SilenceMs))
                    LoseSession("the host answers, but nothing gets through to it", now);
            }
            else if (now - awakeAt >= PingMs)
            {
                awakeOwed = true;
            }
        }

        /// <inheritdoc/>
        protected override int FillAlone(long now)
        {
            if (refusal != null)
            {
                Head(Frame.Bad, hostNonce);
                int count = Bytes.PutText(Body, Frame.Header, refusal, MaxText);
                refusal = null;
                return count;
            }

            if (welcomeOwed)
            {
                welcomeOwed = false;
                Head(Frame.Welcome, hostNonce);
                Body[Frame.Header] = Frame.Version;
                Body[Frame.Header + 1] = (byte)Settings.Window;
                Bytes.PutInt(Body, Frame.Header + 2, nonce);
                return 6;
            }

            if (!awakeOwed || InSession)
                return -1;
            awakeOwed = false;
            awakeAt = now;
            Head(Frame.Awake, 0);
            return 0;
        }

        /// <inheritdoc/>
        protected override void AddControls(long now)
        {
            if (openedOwed && Sending.TakesControl)
            {
                openedOwed = false;
                Sending.Add(Frame.Open, 1)[0] = Connection;
            }

            if (endOwed && Sending.TakesControl)
            {
                endOwed = false;
                Sending.Add(Frame.End, 1)[0] = Connection;
            }

            if (closeOwed && Sending.TakesControl)
            {
                closeOwed = false;
                byte[] text = new byte[MaxText];
                int length = Bytes.PutText(text, 0, Reason, MaxText);
                byte[] payload = Sending.Add(Frame.Close, 1 + length);
                payload[0] = Connection;
                Array.Copy(text, 0, payload, 1, length);
            }
        }

        /// <inheritdoc/>
        protected override int FillNews(long now)
        {
            if (reportAt != 0 && now >= reportAt)
            {
                reportAt = now + (Configuration.ReportS * 1000L);
                HeadOfSession(Frame.Report, now);
                Bytes.PutInt(Body, Frame.Header, Connects);
                Bytes.PutInt(Body, Frame.Header + 4, ++reports);
                Bytes.PutInt(Body, Frame.Header + 8, FreeMemory);
                return 12;
            }

            if (!statusOwed && now - statusAt < PingMs)
                return -1;
            statusOwed = false;
            statusAt = now;
            HeadOfSession(Frame.Status, now);
            Body[Frame.Header] = (byte)condition;
            Bytes.PutShort(Body, Frame.Header + 1, beats);
            Bytes.PutShort(Body, Frame.Header + 3, allowanceMs / 100 < 0xFFFF ? (allowanceMs + 99) / 100 : 0xFFFF);
            return 5 + Bytes.PutText(Body, Frame.Header + 5, conditionText, MaxText);
        }

        /// <inheritdoc/>
        protected override long NextAlone(long now, long most)
        {
            if (!started || welcomeOwed || refusal != null)
                return 0;
            if (!InSession)
                return Least(most, awakeOwed ? 0 : awakeAt + PingMs - now);
            if (openedOwed || endOwed || closeOwed)
                most = Sending.TakesControl ? 0 : most;
            long next = Least(most, statusOwed ? 0 : statusAt + PingMs - now);
            next = Least(next, HeardAt + Settings.SilenceMs - now);
            return reportAt != 0 ? Least(next, reportAt - now) : next;
        }

        /// <inheritdoc/>
        protected override bool TakeAlone(int type, int said, byte[] body, int payload, long now)
        {
            int at = Frame.Header;
            if (type == Frame.Reset)
            {
                resetOwed |= payload == 4 && Bytes.GetInt(body, at) == HostMachine.ResetWord;
                return true;
            }

            if (type != Frame.Hello)
                return false;
            // Said again, since the answer was lost or slow.
            if (InSession && said == hostNonce)
            {
                welcomeOwed = true;
                return true;
            }

            WireConfiguration configuration = payload >= 2 ? WireConfiguration.Get(body, at + 2, payload - 2) : null;
            if (payload < 2 || body[at] != Frame.Version)
                Refuse(said, "this bridge speaks version 1 of the wire's protocol");
            else if (body[at + 1] == 0 || configuration == null)
                Refuse(said, "the configuration cannot be read");
            else
                Begin(said, body[at + 1], configuration, now);
            return true;
        }

        /// <inheritdoc/>
        protected override void TakeStrange(long now)
        {
            // A host of an earlier session does not know yet that this bridge has restarted.
            if (!InSession && now - awakeAt >= StrangeMs)
                awakeOwed = true;
        }

        /// <inheritdoc/>
        protected override void TakeNews(int type, byte[] body, int payload, long now)
        {
            // An acknowledgement has said all by its head.
        }

        /// <inheritdoc/>
        protected override void TakeControl(int type, byte[] body, int payload, long now)
        {
            byte number = body[Frame.Header];
            if (type == Frame.Open && payload >= 4 && number != 0)
            {
                Drop();
                Connection = number;
                Opening++;
                State = ConnectionState.Opening;
                Host = Bytes.GetText(body, Frame.Header + 4, payload - 4);
                Port = Bytes.GetShort(body, Frame.Header + 2);
                if (body[Frame.Header + 1] != 0)
                    Fail(number, "this bridge does not know what the host asks of the connection");
            }
            else if (type == Frame.Close && number == Connection)
            {
                Drop();
            }
            else if (type == Frame.End && number == Connection)
            {
                PeerEnded = true;
            }
        }

        private static long Least(long one, long other)
        {
            return one < other ? one : other;
        }

        private void Begin(int said, int credit, WireConfiguration configuration, long now)
        {
            Drop();
            hostNonce = said;
            nonce = DrawInt();
            Configuration = configuration;
            Sessions++;
            reports = 0;
            reportAt = configuration.ReportS > 0 ? now + (configuration.ReportS * 1000L) : 0;
            BeginSession(hostNonce ^ nonce, credit, now);
            welcomeOwed = true;
            statusOwed = true;
        }

        private void Refuse(int said, string why)
        {
            if (InSession)
                return;
            hostNonce = said;
            refusal = why;
        }

        /// <inheritdoc/>
        protected override void LoseSession(string why, long now)
        {
            Drop();
            LeaveSession();
            Reason = why;
            awakeAt = now;
            awakeOwed = true;
        }

        /// <summary>There is no connection any more, and nothing of it is passed on.</summary>
        private void Drop()
        {
            State = ConnectionState.None;
            Connection = 0;
            PeerEnded = false;
            Reason = "";
            ForgetReceived();
            Sending.DropUnsent();
            openedOwed = false;
            endOwed = false;
            ended = false;
            closeOwed = false;
        }
    }
}
