using System;
using System.Text;
using System.Threading;
using Rx.IotLink.Nano.Protocol;

namespace Rx.IotLink.Nano
{
    /// <summary>
    /// The thread that calls the application: whatever its handlers do, they delay only each other.
    /// </summary>
    internal sealed class TellThread
    {
        private const int WaitMs = 1000;

        // A handler that finds no memory for its line gets it again after this time, for so long.
        private const int RetryMs = 100;
        private const int PatienceMs = 60000;

        private readonly LinkCore core;
        private long lackingSince;

        public TellThread(LinkCore core)
        {
            this.core = core;
        }

        /// <remarks>It waits in this frame: each call below it would cost the device 200 bytes.</remarks>
        public void Run()
        {
            bool last = false;
            while (!last)
            {
                try
                {
                    try
                    {
                        last = IsLast();
                        TellStatus();
                        TellNotices();
                        // Not without a limit: one who had no memory could not wake this thread.
                        if (!last && !TellLine())
                            core.TellWake.WaitOne(WaitMs, false);
                    }
                    catch (Exception exception)
                    {
                        last = false;
                        core.Caught("a handler", exception);
                    }
                }
                catch (Exception)
                {
                    // There is no memory even to say so. Another thread may give some back.
                    core.Counters.Errors++;
                }
            }
        }

        /// <summary>Whether there will be nothing to report any more.</summary>
        private bool IsLast()
        {
            lock (core.Gate)
            {
                return core.LinkEnded && (core.IsClosing || core.Session.Inbox.Count == 0);
            }
        }

        /// <summary>Makes a text of the oldest line of the inbox, under the gate.</summary>
        public static string Oldest(LinkCore core)
        {
            LineRing inbox = core.Session.Inbox;
            int length = inbox.Length(0);
            if (length == 0)
                return "";
            int start;
            byte[] bytes = inbox.Oldest(out start);
            return Encoding.UTF8.GetString(bytes, start, length);
        }

        private void TellStatus()
        {
            LinkStatus status;
            string why;
            bool isNew;
            lock (core.Gate)
            {
                isNew = core.TakeStatus(out status, out why);
            }

            if (isNew && core.Options.OnStatus != null)
                core.Options.OnStatus(status, why);
        }

        private void TellNotices()
        {
            while (true)
            {
                string notice;
                lock (core.Gate)
                {
                    notice = core.TakeNotice();
                }

                if (notice == null)
                    return;
                // A handler that throws at notices gets no notice of that.
                try
                {
                    core.Options.OnNotice(notice);
                }
                catch (Exception)
                {
                    core.Counters.Errors++;
                }
            }
        }

        /// <summary>Hands the oldest line over. False: none waits.</summary>
        private bool TellLine()
        {
            if (core.Options.OnLine == null)
                return false;
            string line;
            lock (core.Gate)
            {
                if (core.Session.Inbox.Count == 0)
                    return false;
                line = Oldest(core);
            }

            LineRing inbox = core.Session.Inbox;
            int removed = inbox.Removed;
            Exception thrown = null;
            try
            {
                core.Options.OnLine(line);
            }
            catch (OutOfMemoryException exception)
            {
                // Nobody knows whether the handler has begun. It gets the line again, for a while.
                if (lackingSince == 0)
                    lackingSince = LinkCore.Now;
                if (LinkCore.Now - lackingSince < PatienceMs)
                {
                    core.TellWake.WaitOne(RetryMs, false);
                    return true;
                }

                thrown = exception;
            }
            catch (Exception exception)
            {
                thrown = exception;
            }

            // The application has had the line. From now on it must not get it again: it is taken out, though there be
            // no memory for a while. Not in a method of its own, whose call may be refused.
            lackingSince = 0;
            while (inbox.Removed == removed)
            {
                try
                {
                    lock (core.Gate)
                    {
                        core.Session.Accept();
                    }
                }
                catch (Exception)
                {
                    // Again.
                }
            }

            core.Counters.LinesReceived++;
            core.PumpWake.Set();
            if (thrown != null)
                core.Caught("the handler of lines", thrown);
            return true;
        }
    }
}
