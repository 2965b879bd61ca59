using System;
using System.Threading;
using Rx.IotLink.Nano.Flash;
using Rx.IotLink.Nano.Protocol;

namespace Rx.IotLink.Nano
{
    /// <summary>
    /// What the threads of a link share: the session, the connection, the state. Everything but the events is read and
    /// written under <see cref="Gate"/>; nothing that blocks, and nothing of the application's, is called under it.
    /// </summary>
    internal sealed partial class LinkCore : ISessionHost
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

        public readonly RunSettings Options;
        public readonly Session Session;
        public readonly Escalation Escalation;
        public readonly NanoCounters Counters = new NanoCounters();
        public readonly IRandomSource Random;

        private readonly string[] notices;
        private int noticeCount;
        private LinkStatus status = LinkStatus.Connecting;
        private string why = "";
        private bool statusIsNew;
        private bool heartbeatIsNew;
        private INanoConnection connection;
        private bool connected;
        private bool givenUp;
        private INanoConnection toClose;
        private long attemptBegan;
        private long linkDue = long.MaxValue;
        private string endReason;
        private int retryMs;
        private bool peerLeft;
        private bool unwanted;
        private long closingSince;
        private long upSince;
        private long sleepUntil;
        private bool toldStuck;

        // Fields, since a thread asks for them where there may be no memory for a call.

        /// <summary>Final: the first connection failed, and no other is wanted.</summary>
        public bool IsRefused;

        /// <summary>This end is to be closed.</summary>
        public bool IsClosing;

        /// <summary>The link's thread has ended.</summary>
        public bool LinkEnded;

        /// <summary>Whether this device sleeps: it has said so, or is about to.</summary>
        public bool IsAsleep;

        public LinkCore(NanoClientOptions options, SessionSettings settings, Keeper keeper)
        {
            Random = options.Random != null ? options.Random : new SystemRandom();
            // Not held: it has more than is wanted from now on.
            Options = keeper == null ? new RunSettings(options) : new KeepingSettings(options, keeper);
            Session = new Session(settings, this, options.Mac, Random);
            Escalation = new Escalation(options.WifiPatienceMs, options.RebootPatienceMs, Now);
            if (options.OnNotice != null)
                notices = new string[NoticesKept];
            if (keeper != null)
                keeper.Begin(this);
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
            get { return IsClosing || IsRefused; }
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
                if (IsOver || IsAsleep)
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

        /// <summary>
        /// Bytes arrived in the session's buffer. False: the session is over, there is no more to be read.
        /// </summary>
        public bool Received(int count)
        {
            bool goesOn;
            lock (Gate)
            {
                Session.Received(count, Now);
                goesOn = Session.Phase != Phase.Over || IsClosing || IsAsleep;
            }

            PumpWake.Set();
            return goesOn;
        }

        /// <summary>
        /// The connection has ended; the first reason that was given is the one that counts. May be called again if it
        /// threw, since there was no memory.
        /// </summary>
        public void End(string reason)
        {
            lock (Gate)
            {
                if (endReason == null)
                    endReason = reason != null ? reason : "there was no memory";
                if (connected)
                    Session.Disconnect();
                connection = null;
                connected = false;
                Escalation.Down(Now);
                if (status == LinkStatus.Up && !IsClosing && !peerLeft && !IsAsleep)
                    Counters.Outages++;
                if (IsRefused)
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
                IsRefused = true;
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
                toClose = which;
                if (endReason == null)
                    endReason = reason;
            }

            CloseGivenUp();
        }

        /// <summary>
        /// Closes the connection that was given up, if it could not be closed before: there may have been no memory for
        /// the call.
        /// </summary>
        public void CloseGivenUp()
        {
            INanoConnection which = toClose;
            if (which == null)
                return;
            which.Close();
            toClose = null;
        }

        /// <summary>This end is to be closed. False: it was before.</summary>
        public bool Close()
        {
            lock (Gate)
            {
                if (IsClosing)
                    return false;
                IsClosing = true;
                closingSince = Now;
                Session.Bye("closed");
                if (LinkEnded)
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
                LinkEnded = true;
                if (IsClosing)
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
                return IsClosing ? "closed here" : IsAsleep ? "asleep" : ConnectIsLate(now) ? "no connection within the connect timeout" : null;
            if (Session.Phase == Phase.Over)
                return (IsClosing || IsAsleep) && now - closingSince < FarewellMs ? null : "the last word was said";
            if ((IsClosing || IsAsleep) && Session.Phase != Phase.Open)
                return IsClosing ? "closed here" : "asleep";
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
                next = Session.Phase != Phase.Over ? Session.NextIn(now) : IsClosing || IsAsleep ? closingSince + FarewellMs - now : 1;
            else if (Options.ConnectTimeoutMs > 0)
                next = attemptBegan + Options.ConnectTimeoutMs - now;
            if (next > pause)
                next = pause;
            return next < 1 ? 1 : (int)next;
        }

        /// <summary>
        /// The link's thread will be back within this time, unless it hangs; 0: nobody knows when.
        /// </summary>
        public void WillBeBack(long withinMs)
        {
            lock (Gate)
            {
                linkDue = withinMs > 0 ? Now + withinMs + Options.HangMs : long.MaxValue;
            }
        }

        /// <summary>Whether the link's thread is late by far: a call of the network does not return.</summary>
        public bool IsStuck(long now)
        {
            if (LinkEnded || now < linkDue)
                return false;
            if (!toldStuck)
                Note("a call of the network does not return: the link's thread hangs");
            toldStuck = true;
            return true;
        }

        /// <summary>
        /// Restarts the device if the link was down for too long. Two threads ask, so that neither is the only one.
        /// </summary>
        public void RebootIfDue()
        {
            if (Options.Rebooter == null)
                return;
            bool due;
            lock (Gate)
            {
                due = !IsOver && !IsAsleep && Escalation.TakeReboot(Now);
            }

            if (!due)
                return;
            try
            {
                Note("the link stays down: restart");
                Options.Rebooter.Reboot();
            }
            catch (Exception exception)
            {
                Caught("the restart", exception);
            }
        }

        /// <summary>Whether there is no connection.</summary>
        public bool IsDisconnected
        {
            get { return connection == null; }
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
