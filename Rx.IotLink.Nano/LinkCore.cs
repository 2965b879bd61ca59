using System;
using System.Threading;
using Rx.IotLink.Nano.Protocol;

namespace Rx.IotLink.Nano
{
    /// <summary>
    /// What the threads of a link share: the session, the connection, the state. Everything but the events is read and
    /// written under <see cref="Gate"/>; nothing that blocks, and nothing of the application's, is called under it.
    /// </summary>
    internal sealed class LinkCore : ISessionHost
    {
        private const int NoticesKept = 4;

        // A farewell may be lost where a socket is closed at once: the server, who hears it, closes first.
        private const int FarewellMs = 500;

        public readonly object Gate = new object();

        /// <summary>There may be something to send, or to give up.</summary>
        public readonly AutoResetEvent PumpWake = new AutoResetEvent(false);

        /// <summary>There may be something to report to the application.</summary>
        public readonly AutoResetEvent TellWake = new AutoResetEvent(false);

        /// <summary>The link's next attempt need not wait.</summary>
        public readonly AutoResetEvent LinkWake = new AutoResetEvent(false);

        /// <summary>Something changed that a caller may wait for.</summary>
        public readonly ManualResetEvent Changed = new ManualResetEvent(false);

        public readonly NanoClientOptions Options;
        public readonly Session Session;
        public readonly Escalation Escalation;
        public readonly NanoCounters Counters = new NanoCounters();
        public readonly IRandomSource Random;

        private readonly string[] notices = new string[NoticesKept];
        private int noticeCount;
        private LinkStatus status = LinkStatus.Connecting;
        private string why = "";
        private bool statusIsNew;
        private bool heartbeatIsNew;
        private INanoConnection connection;
        private bool connected;
        private bool givenUp;
        private long attemptBegan;
        private string endReason;
        private int retryMs;
        private bool peerLeft;
        private bool unwanted;
        private bool isFinal;
        private bool closing;
        private long closingSince;
        private long upSince;
        private bool linkEnded;

        public LinkCore(NanoClientOptions options, SessionSettings settings)
        {
            Options = options;
            Random = options.Random != null ? options.Random : new SystemRandom();
            IMac mac = options.Mac;
            if (mac == null && options.Key != null)
                mac = new HmacSha256();
            Session = new Session(settings, this, mac, Random);
            Escalation = new Escalation(options.WifiPatienceMs, options.RebootPatienceMs, Now);
        }

        /// <summary>Whether the link, which was up until now, had been for a timeout.</summary>
        public bool HasLasted
        {
            get { return Now - upSince >= Session.TimeoutMs; }
        }

        /// <summary>Milliseconds of a clock that only goes forward.</summary>
        public static long Now
        {
            get { return Environment.TickCount64; }
        }

        public LinkStatus Status
        {
            get { return status; }
        }

        /// <summary>Whether no further attempt will be made.</summary>
        public bool IsOver
        {
            get { return closing || isFinal; }
        }

        public bool IsClosing
        {
            get { return closing; }
        }

        public bool LinkEnded
        {
            get { return linkEnded; }
        }

        public string EndReason
        {
            get { return endReason; }
        }

        /// <summary>How long the server asked to wait, or -1.</summary>
        public int RetryMs
        {
            get { return retryMs; }
        }

        /// <summary>
        /// Whether the server has refused this device without a time to come again, or has sent that another device
        /// replaced it. The message may come from an impostor, but the client then comes back seldom.
        /// </summary>
        public bool IsUnwanted
        {
            get { return unwanted; }
        }

        /// <summary>An attempt begins; how the last one ended is forgotten.</summary>
        public void Begin()
        {
            lock (Gate)
            {
                endReason = null;
                retryMs = -1;
                peerLeft = unwanted = false;
                Counters.Attempts++;
            }
        }

        /// <summary>A connection is about to be made. False: there must be none any more.</summary>
        public bool Connecting(INanoConnection attempt)
        {
            lock (Gate)
            {
                if (IsOver)
                    return false;
                connection = attempt;
                connected = givenUp = false;
                attemptBegan = Now;
            }

            PumpWake.Set();
            return true;
        }

        /// <summary>The connection was made. False: it was given up meanwhile.</summary>
        public bool Connected()
        {
            lock (Gate)
            {
                if (givenUp)
                    return false;
                connected = true;
                Session.Connect(Now);
            }

            PumpWake.Set();
            return true;
        }

        /// <summary>Bytes arrived. False: the session is over, there is no more to be read.</summary>
        public bool Received(byte[] bytes, int count)
        {
            bool goesOn;
            lock (Gate)
            {
                Session.Receive(bytes, 0, count, Now);
                goesOn = Session.Phase != Phase.Over || closing;
            }

            PumpWake.Set();
            return goesOn;
        }

        /// <summary>The connection has ended; the first reason that was given is the one that counts.</summary>
        public void End(string reason)
        {
            lock (Gate)
            {
                if (endReason == null)
                    endReason = reason;
                if (connected)
                    Session.Disconnect();
                connection = null;
                connected = false;
                if (status == LinkStatus.Up && !closing && !peerLeft)
                    Counters.Outages++;
                Escalation.Down(Now);
                if (isFinal)
                    SetStatus(LinkStatus.Refused, endReason);
                else if (status == LinkStatus.Up || status == LinkStatus.Down)
                    SetStatus(LinkStatus.Down, endReason);
                else
                    SetStatus(status, endReason);
            }

            TellWake.Set();
            Changed.Set();
        }

        /// <summary>No further attempt: the link is refused for good.</summary>
        public void Refuse(string reason)
        {
            lock (Gate)
            {
                isFinal = true;
                SetStatus(LinkStatus.Refused, reason);
            }

            TellWake.Set();
            PumpWake.Set();
            Changed.Set();
        }

        /// <summary>
        /// Ends a connection, if it is still the current one, for a reason that is kept if it is the first.
        /// </summary>
        public void GiveUp(INanoConnection which, string reason)
        {
            lock (Gate)
            {
                if (which == null || connection != which)
                    return;
                givenUp = true;
                if (endReason == null)
                    endReason = reason;
            }

            CloseQuietly(which);
        }

        /// <summary>Closes a connection, whatever that does.</summary>
        public void CloseQuietly(INanoConnection which)
        {
            try
            {
                which.Close();
            }
            catch (Exception exception)
            {
                Caught("closing", exception);
            }
        }

        /// <summary>This end is to be closed. False: it was before.</summary>
        public bool Close()
        {
            lock (Gate)
            {
                if (closing)
                    return false;
                closing = true;
                closingSince = Now;
                Session.Bye("closed");
                if (linkEnded)
                    SetStatus(LinkStatus.Closed, "closed here");
            }

            PumpWake.Set();
            LinkWake.Set();
            TellWake.Set();
            Changed.Set();
            return true;
        }

        /// <summary>The link's thread has ended.</summary>
        public void EndLink()
        {
            lock (Gate)
            {
                linkEnded = true;
                if (closing)
                    SetStatus(LinkStatus.Closed, "closed here");
            }

            PumpWake.Set();
            TellWake.Set();
            Changed.Set();
        }

        /// <summary>The connection that is made or about to be made, or null.</summary>
        public INanoConnection Current
        {
            get { return connection; }
        }

        /// <summary>The connection, once it is made and not given up; or null.</summary>
        public INanoConnection Usable
        {
            get { return connected && !givenUp ? connection : null; }
        }

        /// <summary>Why the current connection must be given up by now, or null.</summary>
        public string FaultOf(long now)
        {
            if (connection == null || givenUp)
                return null;
            if (!connected)
                return closing ? "closed here" : ConnectIsLate(now) ? "no connection within the connect timeout" : null;
            if (Session.Phase == Phase.Over)
                return closing && now - closingSince < FarewellMs ? null : "the last word was said";
            if (closing && Session.Phase != Phase.Open)
                return "closed here";
            return Session.IsSilent(now) ? "nothing was received for the timeout" : null;
        }

        /// <summary>Milliseconds until there may be something to do, from 1 to 1000.</summary>
        public int PauseMs(long now)
        {
            long pause = 1000;
            if (connection == null || givenUp)
                return (int)pause;
            long next = pause;
            if (connected)
                next = Session.Phase != Phase.Over ? Session.NextIn(now) : closing ? closingSince + FarewellMs - now : 1;
            else if (Options.ConnectTimeoutMs > 0)
                next = attemptBegan + Options.ConnectTimeoutMs - now;
            if (next > pause)
                next = pause;
            return next < 1 ? 1 : (int)next;
        }

        /// <summary>Whether a keepalive was heard since this was asked last.</summary>
        public bool TakeHeartbeat()
        {
            bool heard = heartbeatIsNew;
            heartbeatIsNew = false;
            return heard;
        }

        /// <summary>Whether the state has changed since this was asked last.</summary>
        public bool TakeStatus(out LinkStatus current, out string reason)
        {
            bool isNew = statusIsNew;
            statusIsNew = false;
            current = status;
            reason = why;
            return isNew;
        }

        /// <summary>The oldest notice that waits, or null.</summary>
        public string TakeNotice()
        {
            if (noticeCount == 0)
                return null;
            string notice = notices[0];
            noticeCount--;
            for (int at = 0; at < noticeCount; at++)
                notices[at] = notices[at + 1];
            notices[noticeCount] = null;
            return notice;
        }

        /// <summary>Keeps a notice for the application; the oldest gives way.</summary>
        public void Note(string text)
        {
            if (Options.OnNotice == null)
                return;
            lock (Gate)
            {
                if (noticeCount == NoticesKept)
                    TakeNotice();
                notices[noticeCount++] = text;
            }

            TellWake.Set();
        }

        /// <summary>An exception was caught.</summary>
        public void Caught(string where, Exception exception)
        {
            Counters.Errors++;
            Note(where + ": " + exception.Message);
        }

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

        private bool ConnectIsLate(long now)
        {
            return Options.ConnectTimeoutMs > 0 && now - attemptBegan >= Options.ConnectTimeoutMs;
        }

        private void SetStatus(LinkStatus next, string reason)
        {
            // What is final stays so, but that a refused link may be closed.
            if (status == LinkStatus.Closed || (status == LinkStatus.Refused && next != LinkStatus.Closed))
                return;
            if (status == next && why == reason)
                return;
            status = next;
            why = reason;
            statusIsNew = true;
        }
    }
}
