using System;
using System.Text;
using System.Threading;

namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>Handles a change on the way to the server: what the bridge does, and why.</summary>
    public delegate void BridgeHandler(BridgeCondition condition, string text);

    /// <summary>Handles a report of the bridge: connections made, number of the report, free memory.</summary>
    public delegate void BridgeReportHandler(int connections, int number, int freeMemory);

    /// <summary>
    /// The transport of a device without a network: connections go over a serial line, through a bridge. Give it to
    /// <see cref="NanoClientOptions.Transport"/>. It has three threads, for ever.
    /// </summary>
    public sealed class NanoBridgeTransport : INanoTransport
    {
        private const int ResetPulseMs = 200;

        private readonly HostMachine host;
        private readonly NanoWire wire;
        private readonly INanoResetLine resetLine;
        private readonly string server;
        private readonly int port;
        private NanoBridgeConnection current;
        private BridgeCondition toldCondition = BridgeCondition.Unknown;
        private string toldText = "";
        private bool stopped;

        /// <summary>Begins to look for a bridge.</summary>
        /// <param name="channel">The line to it.</param>
        /// <param name="server">
        /// The server's name, which the bridge looks up; at most 108 bytes. Empty: the bridge knows it.
        /// </param>
        /// <param name="port">The server's port.</param>
        /// <param name="ssid">
        /// The Wi-Fi that the bridge joins; at most 32 bytes. Empty: the one that is stored on it.
        /// </param>
        /// <param name="password">Its password; at most 64 bytes.</param>
        /// <param name="reportS">Seconds between two reports; 0: none.</param>
        /// <param name="resetLine">The wire to the bridge's reset pin, or null.</param>
        public NanoBridgeTransport(INanoChannel channel, string server, int port, string ssid, string password, int reportS, INanoResetLine resetLine)
        {
            if (channel == null || server == null || ssid == null || password == null)
                throw new ArgumentException("channel, server, ssid and password must be given");
            Check("server", server, HostMachine.MaxHostBytes);
            Check("ssid", ssid, WireConfiguration.MaxSsidBytes);
            Check("password", password, WireConfiguration.MaxPasswordBytes);
            if (port < 1 || port > 65535)
                throw new ArgumentException("port must be 1 to 65535");
            if (reportS < 0 || reportS > 65535)
                throw new ArgumentException("reportS must be 0 to 65535");
            this.server = server;
            this.port = port;
            this.resetLine = resetLine;
            host = new HostMachine(new FrameSettings(), new WireConfiguration { Ssid = ssid, Password = password, ReportS = reportS }, new SystemRandom());
            wire = new NanoWire(host, channel);
            wire.Start();
            new Thread(Watch).Start();
        }

        /// <summary>Gets each change, on a thread of this transport. A handler that blocks holds it up.</summary>
        public BridgeHandler OnBridge;

        /// <summary>Gets the bridge's reports, on the same thread.</summary>
        public BridgeReportHandler OnReport;

        /// <summary>Resets the bridge.</summary>
        public void Reboot()
        {
            lock (wire.Gate)
            {
                host.Reboot(NanoWire.Now);
            }

            wire.Poke();
            wire.Changed.Set();
        }

        /// <summary>Ends the threads. The channel is the caller's.</summary>
        public void Stop()
        {
            stopped = true;
            wire.Stop();
        }

        /// <inheritdoc/>
        public INanoConnection Create()
        {
            return new NanoBridgeConnection(this);
        }

        internal byte Open(NanoBridgeConnection connection)
        {
            byte number;
            lock (wire.Gate)
            {
                number = host.Open(server, port);
                current = connection;
            }

            wire.Poke();
            return number;
        }

        internal HostMachine Host
        {
            get { return host; }
        }

        internal NanoWire Wire
        {
            get { return wire; }
        }

        private static void Check(string name, string text, int most)
        {
            if (Encoding.UTF8.GetBytes(text).Length > most)
                throw new ArgumentException(name + " must have at most " + most.ToString() + " bytes");
        }

        private void Watch()
        {
            int faults = 0;
            int statuses = 0;
            int reports = 0;
            while (!stopped)
            {
                try
                {
                    wire.Changed.WaitOne(1000, false);
                    Tell(ref faults, ref statuses, ref reports);
                }
                catch (Exception)
                {
                    // A handler, or the reset line: neither may end this thread.
                }
            }
        }

        private void Tell(ref int faults, ref int statuses, ref int reports)
        {
            bool reset;
            bool isNews;
            bool isReport;
            BridgeCondition condition;
            string text;
            NanoBridgeConnection waiting;
            lock (wire.Gate)
            {
                reset = host.TakeReset();
                isNews = host.Faults != faults || host.StatusCount != statuses;
                isReport = host.ReportCount != reports;
                faults = host.Faults;
                statuses = host.StatusCount;
                reports = host.ReportCount;
                condition = host.Condition;
                text = host.InSession ? host.ConditionText : host.SessionFault;
                waiting = current;
            }

            if (waiting != null)
                waiting.Changed.Set();
            if (reset && resetLine != null)
            {
                resetLine.Set(true);
                Thread.Sleep(ResetPulseMs);
                resetLine.Set(false);
            }

            if (isNews && OnBridge != null && (condition != toldCondition || text != toldText))
            {
                toldCondition = condition;
                toldText = text;
                OnBridge(condition, text);
            }

            if (isReport && OnReport != null)
                OnReport(host.BridgeConnects, host.ReportNumber, host.BridgeMemory);
        }
    }

    /// <summary>One connection through the bridge.</summary>
    internal sealed class NanoBridgeConnection : INanoConnection
    {
        private readonly NanoBridgeTransport transport;
        private byte number;
        private bool closed;
        private int timeoutMs;

        public NanoBridgeConnection(NanoBridgeTransport transport)
        {
            this.transport = transport;
            Changed = new AutoResetEvent(false);
        }

        /// <summary>Set when the wire has changed; wakes both the reading and the writing thread in turn.</summary>
        public AutoResetEvent Changed { get; }

        public void Connect()
        {
            number = transport.Open(this);
            while (true)
            {
                lock (transport.Wire.Gate)
                {
                    Check();
                    if (transport.Host.State == ConnectionState.Open)
                        return;
                }

                Changed.WaitOne(100, false);
            }
        }

        public void SetTimeouts(int milliseconds)
        {
            timeoutMs = milliseconds;
        }

        public int Receive(byte[] buffer, int offset, int count)
        {
            long since = NanoWire.Now;
            while (true)
            {
                int read;
                lock (transport.Wire.Gate)
                {
                    if (transport.Host.Connection != number || closed)
                        Check();
                    read = transport.Host.Read(buffer, offset, count);
                    if (read == 0)
                        Check();
                    if (read == 0 && transport.Host.PeerEnded)
                        return 0;
                }

                if (read > 0)
                {
                    // There is credit to give.
                    transport.Wire.Poke();
                    return read;
                }

                Wait(since);
            }
        }

        public void Send(byte[] buffer, int offset, int count)
        {
            long since = NanoWire.Now;
            while (count > 0)
            {
                int written;
                lock (transport.Wire.Gate)
                {
                    Check();
                    written = transport.Host.Write(number, buffer, offset, count);
                }

                transport.Wire.Poke();
                offset += written;
                count -= written;
                if (written > 0)
                    since = NanoWire.Now;
                else
                    Wait(since);
            }
        }

        public void Close()
        {
            lock (transport.Wire.Gate)
            {
                if (closed)
                    return;
                closed = true;
                // What was written is the last word of a client that leaves; it still goes out.
                transport.Host.End(number);
                transport.Host.Close(number, NanoWire.Now);
            }

            transport.Wire.Poke();
            Changed.Set();
        }

        private void Wait(long since)
        {
            if (timeoutMs > 0 && NanoWire.Now - since > timeoutMs)
                throw new InvalidOperationException("no progress through the bridge");
            // The other thread of this connection may have taken the signal.
            Changed.WaitOne(50, false);
        }

        private void Check()
        {
            if (closed)
                throw new InvalidOperationException("closed here");
            if (transport.Host.Connection != number)
                throw new InvalidOperationException("another connection was opened");
            if (transport.Host.State == ConnectionState.Over)
                throw new InvalidOperationException(transport.Host.Reason.Length > 0 ? transport.Host.Reason : "the bridge has ended the connection");
        }
    }
}
