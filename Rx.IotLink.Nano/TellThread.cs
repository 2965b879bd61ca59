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
        private const byte Substitute = 0x1A;

        private readonly LinkCore core;

        public TellThread(LinkCore core)
        {
            this.core = core;
        }

        public void Run()
        {
            while (true)
            {
                try
                {
                    bool last;
                    lock (core.Gate)
                    {
                        last = core.LinkEnded && (core.IsClosing || core.Session.Inbox.Count == 0);
                    }

                    TellStatus();
                    TellNotices();
                    if (!last && TellLine())
                        continue;
                    if (last)
                        return;
                    core.TellWake.WaitOne(Timeout.Infinite, false);
                }
                catch (Exception exception)
                {
                    core.Caught("a handler", exception);
                }
            }
        }

        /// <summary>Makes a text of the oldest line of the inbox, under the gate.</summary>
        public static string Oldest(LinkCore core)
        {
            LineRing inbox = core.Session.Inbox;
            int start = inbox.Start(0);
            int length = inbox.Length(0);
            // A text on the device ends at its first NUL: the line would be cut short without a word.
            for (int at = 0; at < length; at++)
            {
                if (inbox.Bytes[start + at] == 0)
                    inbox.Bytes[start + at] = Substitute;
            }

            return length == 0 ? "" : Encoding.UTF8.GetString(inbox.Bytes, start, length);
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

            try
            {
                core.Options.OnLine(line);
            }
            catch (Exception exception)
            {
                core.Caught("the handler of lines", exception);
            }

            lock (core.Gate)
            {
                core.Session.Accept();
                core.Counters.LinesReceived++;
            }

            core.PumpWake.Set();
            return true;
        }
    }
}
