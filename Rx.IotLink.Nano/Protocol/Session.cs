namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>Where a connection stands.</summary>
    internal enum Phase
    {
        /// <summary>There is no connection.</summary>
        Disconnected,

        /// <summary>The opening was sent, or is about to be; the server's answer is awaited.</summary>
        Greeting,

        /// <summary>The server has proved itself; so has this end.</summary>
        Proving,

        /// <summary>Lines flow.</summary>
        Open,

        /// <summary>The last word was said or heard; what still comes does not count.</summary>
        Over,
    }

    /// <summary>
    /// The client's end of protocol 2 (docs/protocol.md), for one link through all its connections: bytes in, bytes
    /// out. The caller gives the time: it has no clock, thread or socket of its own; the same calls give the same
    /// answers. Calls are serial. It allocates at the start; then, for each connection, what only its opening needs and
    /// what is free again when lines flow; and the text of a refusal or farewell. A call that throws, since there is no
    /// memory, may leave its connection unusable, never the numbers of lines: after <see cref="Disconnect"/> the
    /// session resumes.
    /// </summary>
    internal sealed partial class Session
    {
        // "!bye displaced" must be understood however short the longest line is.
        private const int MaxFarewell = 64;

        private const byte Substitute = 0x1A;

        private readonly SessionSettings settings;
        private readonly ISessionHost host;
        private readonly IRandomSource random;
        private readonly Opening opening;
        private OpeningTokens answer;
        private readonly Sender sender;
        private readonly Receiver receiver;
        private readonly Output output;
        private readonly byte[] usualBuffer;
        private byte[] buffer;
        private int held;
        private bool isAscii = true;
        private Phase phase;
        private ulong epoch;
        private bool hasEpoch;
        private bool epochIsSpoilt;
        private Recovery restored;
        private ulong firstAtMeeting = 1;
        private bool openingDue;
        private bool proofDue;
        private bool keepaliveDue;
        private bool byeDue;
        private string byeText = "";
        private int timeoutMs;
        private long lastHeard;
        private long lastSaid;

        public Session(SessionSettings settings, ISessionHost host, IMac mac, IRandomSource random)
        {
            this.settings = settings;
            this.host = host;
            this.random = random;
            opening = new Opening(settings, mac, random);
            sender = new Sender(settings, host);
            receiver = new Receiver(settings, host);
            timeoutMs = settings.TimeoutMs;
            // One byte more than the longest line: there is always room to receive.
            buffer = usualBuffer = new byte[Largest(settings.MaxLineBytes + 5, MaxFarewell, 0) + 1];
            output = new Output(Largest(settings.OutputBytes, Opening.Longest(settings), 128));
        }

        public Phase Phase
        {
            get { return phase; }
        }

        /// <summary>Milliseconds of silence that are an outage: the server's word, once it was heard.</summary>
        public int TimeoutMs
        {
            get { return timeoutMs; }
        }

        /// <summary>
        /// Received bytes are put here, from <see cref="Held"/> on: then nothing need be copied. Then call
        /// <see cref="Received"/>.
        /// </summary>
        public byte[] Buffer
        {
            get { return buffer; }
        }

        /// <summary>How many bytes of an unfinished line are in the buffer.</summary>
        public int Held
        {
            get { return held; }
        }

        /// <summary>What <see cref="Fill"/> filled.</summary>
        public byte[] Output
        {
            get { return output.Bytes; }
        }

        /// <summary>Lines of the peer that wait for the application, oldest first.</summary>
        public LineRing Inbox
        {
            get { return receiver.Inbox; }
        }

        /// <summary>Lines written that wait: not sent, or not accepted yet.</summary>
        public int Waiting
        {
            get { return sender.Count; }
        }

        /// <summary>The longest line that can be written.</summary>
        public int MaxLine(bool exactlyOnce)
        {
            // What marks a line comes on top of it, and a send must be able to carry it.
            int most = output.Bytes.Length - 6;
            if (most > sender.PeerMax)
                most = sender.PeerMax;
            int held = exactlyOnce ? settings.OutboxBytes : settings.BestEffortBytes;
            return most > held ? held : most;
        }

        /// <summary>
        /// Goes on where a memory ended that was kept elsewhere; what it held was written again before.
        /// </summary>
        public void Restore(ulong keptEpoch, ulong first, bool knowsPeer, ulong peerEpoch, ulong accepted, ulong connections)
        {
            epoch = keptEpoch;
            hasEpoch = true;
            restored = new Recovery();
            sender.Restore(first);
            opening.Restore(connections);
            if (knowsPeer)
                receiver.Restore(peerEpoch, accepted);
        }

        /// <summary>Takes a line to be sent exactly once. False: the outbox is full.</summary>
        public bool Write(byte[] line, int length)
        {
            return sender.TryAdd(line, length);
        }

        /// <summary>
        /// Takes a line to be sent once at most; the oldest such lines give way to it. Gives how many did.
        /// </summary>
        public int WriteBestEffort(byte[] line, int length)
        {
            return sender.AddBestEffort(line, length);
        }

        /// <summary>The application has accepted the oldest line of the inbox.</summary>
        public void Accept()
        {
            receiver.Accept();
        }

        /// <summary>A connection was made.</summary>
        public void Connect(long now)
        {
            // Drawn as late as can be: a radio that is on makes better chance.
            if (!hasEpoch)
                NewEpoch();
            answer = new OpeningTokens();
            phase = Phase.Greeting;
            openingDue = true;
            lastHeard = lastSaid = now;
        }

        /// <summary>The connection has ended.</summary>
        public void Disconnect()
        {
            phase = Phase.Disconnected;
            openingDue = proofDue = keepaliveDue = byeDue = false;
            held = 0;
            isAscii = true;
            buffer = usualBuffer;
            Forget();
            timeoutMs = settings.TimeoutMs;
            sender.Close();
            // A memory that was found wrong ends with the connection that showed it.
            if (!epochIsSpoilt)
                return;
            epochIsSpoilt = false;
            sender.Renumber();
            NewEpoch();
            restored = null;
            firstAtMeeting = 0;
        }

        /// <summary>This end leaves on purpose, when what may be sent was sent.</summary>
        /// <param name="text">Why, in at most 59 characters of ASCII: a peer need not read a longer farewell.</param>
        public void Bye(string text)
        {
            byeText = text;
            byeDue = phase == Phase.Open;
        }

        /// <summary>
        /// Fills the output with what may be sent; gives the number of bytes. To be called, and the bytes sent, until
        /// it gives 0.
        /// </summary>
        public int Fill(long now)
        {
            output.Clear();
            if (openingDue)
            {
                openingDue = false;
                opening.Say(output, epoch, sender.First, receiver);
                receiver.Offered();
            }
            else if (proofDue)
            {
                proofDue = false;
                opening.SayProof(output);
            }
            else if (phase == Phase.Open)
            {
                FillOpen(now);
            }

            if (output.Length > 0)
                lastSaid = now;
            return output.Length;
        }

        /// <summary>Time has passed: does what was due by now.</summary>
        public void Elapse(long now)
        {
            if (phase != Phase.Open)
                return;
            if (now >= RepeatAt)
                sender.SendAgain();
            if (now - lastSaid >= timeoutMs / 4)
                keepaliveDue = true;
        }

        /// <summary>Whether the peer was silent for so long that the connection is to be given up.</summary>
        public bool IsSilent(long now)
        {
            return phase != Phase.Disconnected && now - lastHeard >= SilenceMs;
        }

        /// <summary>
        /// In how many milliseconds <see cref="Elapse"/> or <see cref="IsSilent"/> may have something to say.
        /// </summary>
        public long NextIn(long now)
        {
            if (phase == Phase.Disconnected)
                return long.MaxValue;
            if (phase != Phase.Open)
                return lastHeard + SilenceMs - now;
            long next = lastSaid + (timeoutMs / 4) - now;
            long silence = lastHeard + SilenceMs - now;
            if (silence < next)
                next = silence;
            if (RepeatAt - now < next)
                next = RepeatAt - now;
            return next;
        }

        // Until the peer has said all of its line, it cannot say anything else.
        private long RepeatAt
        {
            get { return held == 0 ? sender.RepeatAt : long.MaxValue; }
        }

        // The answer to an opening may take its time: a proof is work, and others may be greeted first.
        private long SilenceMs
        {
            get { return phase == Phase.Open ? timeoutMs : 2L * settings.TimeoutMs; }
        }

        private bool Hears
        {
            get { return phase == Phase.Greeting || phase == Phase.Proving || phase == Phase.Open; }
        }

        private void FillOpen(long now)
        {
            sender.Taken(now);
            receiver.Acknowledge(output);
            if (IsRecovering)
                sender.Limit(restored.Room(sender.First));
            sender.Send(output);
            if (byeDue && !sender.CanSend && output.Room >= byeText.Length + 6)
            {
                byeDue = false;
                output.Word("!bye");
                if (byeText.Length > 0)
                    output.Byte(AsciiText.Blank);
                output.Word(byeText);
                output.Byte(AsciiText.LineFeed);
                phase = Phase.Over;
            }

            if (!keepaliveDue)
                return;
            keepaliveDue = false;
            if (output.Length > 0)
                return;
            // While lines wait, the keepalive reports the arrived lines, so that the peer does not repeat them.
            if (receiver.LinesWait)
                receiver.SayArrived(output);
            else
                output.Byte(AsciiText.LineFeed);
        }

        private void Fail(string why)
        {
            Leave(LeaveReason.ProtocolError, -1, why);
        }

        private void Leave(LeaveReason reason, int retryMs, string text)
        {
            phase = Phase.Over;
            host.Leave(reason, retryMs, text);
        }

        private void NewEpoch()
        {
            byte[] drawn = new byte[8];
            random.Fill(drawn);
            ulong fresh = 0;
            for (int at = 7; at >= 0; at--)
                fresh = (fresh << 8) | drawn[at];
            epoch = fresh;
            hasEpoch = true;
        }

        /// <summary>What only the opening needs is memory for others from now on.</summary>
        private void Forget()
        {
            answer = null;
            opening.Forget();
        }

        private static int Largest(int a, int b, int c)
        {
            int larger = a > b ? a : b;
            return larger > c ? larger : c;
        }
    }
}
