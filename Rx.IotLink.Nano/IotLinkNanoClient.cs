using System;
using System.Text;
using System.Threading;
using Rx.IotLink.Nano.Flash;
using Rx.IotLink.Nano.Protocol;

namespace Rx.IotLink.Nano
{
    /// <summary>
    /// A link of text lines with an Rx.IotLink server (protocol 2), for .NET nanoFramework. It outlives its
    /// connections: written lines wait in the outbox until the link is up again. All members may be used from any
    /// thread, and only <see cref="Start"/> throws: a failure is a result, a state, a notice or a count.
    /// </summary>
    public sealed class IotLinkNanoClient : IDisposable
    {
        // Waits are split into short ones, since of two threads that wait for one event each may take the other's
        // signal.
        private const int SliceMs = 50;

        private readonly LinkCore core;
        private readonly LinkThread link;
        private readonly Thread linkThread;
        private readonly Thread pumpThread;
        private readonly Thread tellThread;

        private IotLinkNanoClient(NanoClientOptions options, SessionSettings settings, Keeper keeper)
        {
            core = new LinkCore(options, settings, keeper);
            INanoTransport transport = options.Transport != null ? options.Transport : new TcpTransport(options.Host, options.Port);
            link = new LinkThread(core, transport);
            linkThread = new Thread(link.Run);
            pumpThread = new Thread(new PumpThread(core).Run);
            // A thread costs the device a kilobyte.
            if (options.OnLine != null || options.OnStatus != null || options.OnNotice != null)
                tellThread = new Thread(new TellThread(core).Run);
        }

        /// <summary>Starts a client, which connects and reconnects from now on.</summary>
        /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
        public static IotLinkNanoClient Start(NanoClientOptions options)
        {
            SessionSettings settings = OptionsCheck.Settings(options);
            IotLinkNanoClient client = new IotLinkNanoClient(options, settings, OptionsCheck.Keeper(options, settings));
            if (client.tellThread != null)
                client.tellThread.Start();
            client.pumpThread.Start();
            client.linkThread.Start();
            return client;
        }

        /// <summary>The current state.</summary>
        public LinkStatus Status
        {
            get { return core.Status; }
        }

        /// <summary>Whether lines flow.</summary>
        public bool IsUp
        {
            get { return core.Status == LinkStatus.Up; }
        }

        /// <summary>Counts since the start.</summary>
        public NanoCounters Counters
        {
            get { return core.Counters; }
        }

        /// <summary>Written lines that are not sent, or not accepted, yet.</summary>
        public int Outbox
        {
            get
            {
                lock (core.Gate)
                {
                    return core.Session.Waiting;
                }
            }
        }

        /// <summary>Writes a line, to arrive exactly once and in order. Does not wait.</summary>
        public WriteResult Write(string line)
        {
            return Write(line, 0);
        }

        /// <summary>The same, but waits for room in the outbox if there is none. -1 waits without limit.</summary>
        public WriteResult Write(string line, int waitMs)
        {
            bool taken = false;
            try
            {
                byte[] bytes;
                WriteResult fault = Encode(line, true, out bytes);
                if (fault != WriteResult.Taken)
                    return fault;
                long began = LinkCore.Now;
                while (true)
                {
                    lock (core.Gate)
                    {
                        if (core.IsOver)
                            return WriteResult.Closed;
                        taken = core.Session.Write(bytes, bytes.Length);
                        if (taken)
                            break;
                        core.Changed.Reset();
                    }

                    if (!WaitForChange(began, waitMs))
                        return WriteResult.Full;
                }

                core.PumpWake.Set();
            }
            catch (OutOfMemoryException)
            {
                // Once it is taken, it is taken: a line that is written again would arrive twice.
            }

            return taken ? WriteResult.Taken : WriteResult.Full;
        }

        /// <summary>
        /// Writes a line that arrives at most once. While the link is down, only the newest such lines wait. It never
        /// delays or displaces a line of <see cref="Write(string)"/>.
        /// </summary>
        public WriteResult WriteBestEffort(string line)
        {
            try
            {
                byte[] bytes;
                WriteResult fault = Encode(line, false, out bytes);
                if (fault != WriteResult.Taken)
                    return fault;
                lock (core.Gate)
                {
                    if (core.IsOver)
                        return WriteResult.Closed;
                    core.Counters.BestEffortDropped += core.Session.WriteBestEffort(bytes, bytes.Length);
                }

                core.PumpWake.Set();
                return WriteResult.Taken;
            }
            catch (OutOfMemoryException)
            {
                return WriteResult.Full;
            }
        }

        /// <summary>
        /// Waits for the server's next line and takes it; the line is acknowledged at once. Null: no line came in time,
        /// or lines go to a handler. -1 waits until the link is over.
        /// </summary>
        public string ReadLine(int waitMs)
        {
            if (core.Options.OnLine != null)
                return null;
            LineRing inbox = core.Session.Inbox;
            string line = null;
            int removed = 0;
            bool begun = false;
            try
            {
                long began = LinkCore.Now;
                while (true)
                {
                    lock (core.Gate)
                    {
                        if (inbox.Count > 0)
                        {
                            line = TellThread.Oldest(core);
                            removed = inbox.Removed;
                            begun = true;
                            core.Session.Accept();
                            core.Counters.LinesReceived++;
                            break;
                        }

                        if (core.IsOver)
                            return null;
                        core.Changed.Reset();
                    }

                    if (!WaitForChange(began, waitMs))
                        return null;
                }

                core.PumpWake.Set();
            }
            catch (OutOfMemoryException)
            {
                // A line that was taken out must not be lost; one that was not will be read later.
            }

            return begun && inbox.Removed != removed ? line : null;
        }

        /// <summary>
        /// Waits until the link is up. False: it is not up in time, or never will be. -1 waits until it is up or over.
        /// </summary>
        public bool WaitUntilUp(int waitMs)
        {
            long began = LinkCore.Now;
            while (true)
            {
                lock (core.Gate)
                {
                    if (core.Status == LinkStatus.Up)
                        return true;
                    if (core.IsOver)
                        return false;
                    core.Changed.Reset();
                }

                if (!WaitForChange(began, waitMs))
                    return false;
            }
        }

        /// <summary>
        /// Waits until every written line is accepted or sent. False: some are not. -1 waits until then, or until the
        /// link is over.
        /// </summary>
        public bool Drain(int waitMs)
        {
            long began = LinkCore.Now;
            while (true)
            {
                lock (core.Gate)
                {
                    if (core.Session.Waiting == 0)
                        return true;
                    if (core.IsOver)
                        return false;
                    core.Changed.Reset();
                }

                if (!WaitForChange(began, waitMs))
                    return false;
            }
        }

        /// <summary>How many of the <see cref="Outbox"/> are on the <see cref="NanoClientOptions.Flash"/>.</summary>
        public int Kept
        {
            get
            {
                Keeper keeper = core.Options.Keeper;
                if (keeper == null)
                    return 0;
                lock (core.Gate)
                {
                    return keeper.Kept;
                }
            }
        }

        /// <summary>
        /// Keeps what waits in the outbox on the flash now, in place of after
        /// <see cref="NanoClientOptions.KeepAfterMs"/>: before a deep sleep, or when the battery is low. True: every
        /// line of <see cref="Write(string)"/> is accepted or kept. False: there is no flash, it failed (a notice says
        /// why), or the time is over.
        /// </summary>
        public bool Keep(int waitMs)
        {
            Keeper keeper = core.Options.Keeper;
            if (keeper == null)
                return false;
            long began = LinkCore.Now;
            bool asked = false;
            while (true)
            {
                lock (core.Gate)
                {
                    if (keeper.Kept == core.Session.Outbox.Count)
                        return true;
                    if (asked && !keeper.IsAsked)
                        return false;
                    asked = true;
                    keeper.Ask();
                    core.Changed.Reset();
                }

                core.PumpWake.Set();
                if (!WaitForChange(began, waitMs))
                    return false;
            }
        }

        /// <summary>
        /// Says to the server that this device sleeps for so many seconds, ends the connection, and takes the Wi-Fi
        /// down. The server then shows no outage, and keeps its lines. No attempt to connect follows before the time is
        /// over, or <see cref="WakeUp"/> is called; the first one then comes at once. Waits up to 3 s for the farewell.
        /// </summary>
        /// <param name="seconds">1 to 31,622,400 (366 days).</param>
        /// <returns>
        /// Whether the connection has ended, so that the chip may sleep. In light sleep the memory stays; after a deep
        /// sleep a new client starts, and lines in the outbox are lost: call <see cref="Drain"/> before.
        /// </returns>
        public bool GoToSleep(int seconds)
        {
            if (seconds < 1 || seconds > 31622400 || !core.Sleep(seconds))
                return false;
            long began = LinkCore.Now;
            while (true)
            {
                lock (core.Gate)
                {
                    if (core.IsDisconnected)
                        return true;
                    core.Changed.Reset();
                }

                if (!WaitForChange(began, 3000))
                    return false;
            }
        }

        /// <summary>Ends the sleep before its time is over.</summary>
        public void WakeUp()
        {
            core.WakeUp();
        }

        /// <summary>
        /// Sends a farewell to the server, ends the threads, and waits up to 3 s for that. Lines in the outbox are
        /// lost. May be called again, and from handlers.
        /// </summary>
        public void Dispose()
        {
            core.Close();
            if (!Join(linkThread, 1000))
                core.GiveUp(core.Current, "closed here");
            Join(linkThread, 1000);
            Join(pumpThread, 500);
            if (tellThread != null)
                Join(tellThread, 500);
        }

        private static bool Join(Thread thread, int waitMs)
        {
            return thread == Thread.CurrentThread || thread.Join(waitMs);
        }

        /// <summary>Waits a short time. False: the time is over.</summary>
        private bool WaitForChange(long began, int waitMs)
        {
            int slice = SliceMs;
            if (waitMs >= 0)
            {
                long left = began + waitMs - LinkCore.Now;
                if (left <= 0)
                    return false;
                if (left < slice)
                    slice = (int)left;
            }

            core.Changed.WaitOne(slice, false);
            return true;
        }

        private WriteResult Encode(string line, bool exactlyOnce, out byte[] bytes)
        {
            bytes = null;
            if (line == null)
                return WriteResult.NotALine;
            int most;
            lock (core.Gate)
            {
                most = core.Session.MaxLine(exactlyOnce);
            }

            if (core.Options.Keeper != null && most > core.Options.Keeper.MaxLine)
                most = core.Options.Keeper.MaxLine;

            // A character has at least one byte: a text that is far too long need not be converted.
            if (line.Length > most)
                return WriteResult.TooLong;
            // In native code, unlike a loop over the bytes.
            if (line.IndexOf('\n') >= 0 || line.IndexOf('\0') >= 0)
                return WriteResult.NotALine;
            try
            {
                bytes = Encoding.UTF8.GetBytes(line);
            }
            catch (OutOfMemoryException)
            {
                throw;
            }
            catch (Exception exception)
            {
                core.Caught("a line", exception);
                return WriteResult.NotALine;
            }

            if (bytes.Length > most)
                return WriteResult.TooLong;
            return Utf8.IsValid(bytes, 0, bytes.Length) ? WriteResult.Taken : WriteResult.NotALine;
        }
    }
}
