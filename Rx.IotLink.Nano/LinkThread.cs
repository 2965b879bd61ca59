using System;
using Rx.IotLink.Nano.Protocol;

namespace Rx.IotLink.Nano
{
    /// <summary>
    /// The thread that connects, reads, and after an outage connects again; for the whole life of the link. Where the
    /// device has no memory any more, even a call or a reason for an outage is too much: so nothing that this thread
    /// catches needs any, and what must be done is tried until it is done.
    /// </summary>
    internal sealed class LinkThread
    {
        private const int SettleSliceMs = 500;

        private readonly LinkCore core;
        private readonly INanoTransport transport;
        private readonly byte[] chance = new byte[2];
        private int failures;

        public LinkThread(LinkCore core, INanoTransport transport)
        {
            this.core = core;
            this.transport = transport;
        }

        /// <remarks>
        /// Long, since it waits for bytes in this frame: each call below it would cost the device 200 bytes.
        /// </remarks>
        public void Run()
        {
            Session session = core.Session;
            while (!core.IsClosing && !core.IsRefused)
            {
                int before = core.Counters.Connections;
                INanoConnection connection = null;
                string reason = null;
                try
                {
                    try
                    {
                        core.Begin();
                        if (!EnsureWifi())
                        {
                            reason = "the Wi-Fi did not come up";
                        }
                        else if (Connect(ref connection, ref reason))
                        {
                            int limitMs = 0;
                            while (true)
                            {
                                // The pump gives a silent connection up; these are for a system where its closing does
                                // not help.
                                int wantedMs = (2 * session.TimeoutMs) + 1000;
                                core.WillBeBack(wantedMs);
                                if (wantedMs != limitMs)
                                    connection.SetTimeouts(limitMs = wantedMs);
                                int count = connection.Receive(session.Buffer, session.Held, session.Buffer.Length - session.Held);
                                if (count > 0 && core.Received(count))
                                    continue;
                                reason = count > 0 ? "the last word was said" : "the server ended the connection";
                                break;
                            }
                        }
                    }
                    catch (Exception exception)
                    {
                        // This is normal for a device, and is reported as the reason of the outage.
                        reason = LinkCore.ReasonOf(exception);
                    }
                }
                catch (Exception)
                {
                    // There is no memory for a reason.
                }

                bool open = connection != null;
                bool ends = true;
                while (open || ends)
                {
                    try
                    {
                        if (open)
                            connection.Close();
                        open = false;
                        End(reason, before);
                        ends = false;
                    }
                    catch (OutOfMemoryException)
                    {
                        // The socket is still there, and the session does not know: again.
                    }
                    catch (Exception)
                    {
                        ends = open;
                        open = false;
                    }
                }

                try
                {
                    if (core.IsAsleep)
                        Sleep();
                    else if (!core.IsClosing && !core.IsRefused)
                        Rest();
                }
                catch (Exception)
                {
                    // Then the next attempt comes at once.
                }
            }

            while (!core.LinkEnded)
            {
                try
                {
                    core.EndLink();
                }
                catch (Exception)
                {
                    // Others wait for it: again.
                }
            }
        }

        private bool Connect(ref INanoConnection connection, ref string reason)
        {
            connection = transport.Create();
            if (!core.Connecting(connection))
            {
                reason = "closed here";
                return false;
            }

            core.WillBeBack(core.Options.ConnectTimeoutMs);
            connection.Connect();
            if (core.Connected())
                return true;
            reason = "given up";
            return false;
        }

        private void End(string reason, int before)
        {
            // A server that opens a connection and dies at once counts like one that cannot be reached.
            bool lasted = core.Counters.Connections > before && core.HasLasted;
            core.End(reason);
            if (lasted)
                failures = 0;
            else if (core.Counters.Connections == 0 && core.Options.FirstConnection == FirstConnection.Fail && !core.IsClosing && !core.IsAsleep)
                core.Refuse("the first connection failed: " + core.EndReason);
            // The pump asks too; this is for one that hangs.
            core.RebootIfDue();
        }

        private bool EnsureWifi()
        {
            IWifi wifi = core.Options.Wifi;
            if (wifi == null)
                return true;
            try
            {
                bool reset;
                lock (core.Gate)
                {
                    reset = core.Escalation.TakeWifiReset(LinkCore.Now);
                }

                core.WillBeBack(core.Options.WifiConnectMs);
                if (reset)
                {
                    core.Counters.WifiResets++;
                    core.Note("the link stays down: Wi-Fi off and on");
                    wifi.Disconnect();
                }

                if (wifi.IsConnected)
                    return true;
                if (!wifi.Connect(core.Options.WifiConnectMs))
                    return false;
                core.Counters.WifiConnections++;
                return Settles(wifi);
            }
            catch (OutOfMemoryException)
            {
                throw;
            }
            catch (Exception exception)
            {
                core.Caught("the Wi-Fi", exception);
                return false;
            }
        }

        /// <summary>
        /// A Wi-Fi that comes back often goes again at once. An attempt to connect in between would take longer than to
        /// wait and see.
        /// </summary>
        private bool Settles(IWifi wifi)
        {
            int left = core.Options.WifiSettleMs >= 0 ? core.Options.WifiSettleMs : 2 * core.Options.TimeoutMs;
            core.WillBeBack(left);
            for (; left > 0 && !core.IsClosing; left -= SettleSliceMs)
            {
                core.LinkWake.WaitOne(left < SettleSliceMs ? left : SettleSliceMs, false);
                if (wifi.IsConnected)
                    continue;
                core.Note("the Wi-Fi came back, and went again");
                return false;
            }

            return true;
        }

        private void Sleep()
        {
            try
            {
                if (core.Options.Wifi != null)
                    core.Options.Wifi.Disconnect();
            }
            catch (Exception exception)
            {
                core.Caught("the Wi-Fi", exception);
            }

            while (!core.IsClosing && core.IsAsleep)
            {
                int left = core.SleepMs();
                if (left == 0)
                    break;
                core.WillBeBack(left);
                core.LinkWake.WaitOne(left, false);
            }

            // The first attempt after a sleep comes at once, and the ones after it as if it were the first of all.
            failures = 0;
        }

        /// <summary>
        /// Waits before the next attempt: longer each time, minus a random part, and at least as long as the server
        /// asks, up to this end's limit.
        /// </summary>
        private void Rest()
        {
            int rest = core.Options.BackOffMs;
            if (failures > 0 && rest == 0 && core.Options.BackOffCapMs > 0)
                rest = 1;
            if (core.IsUnwanted)
                rest = core.Options.BackOffCapMs;
            for (int times = failures; times > 0 && rest < core.Options.BackOffCapMs; times--)
                rest = rest > core.Options.BackOffCapMs / 2 ? core.Options.BackOffCapMs : rest * 2;
            failures++;
            core.Random.Fill(chance);
            // A fraction of 65,536; the product would not fit 32 bits.
            int half = rest / 2;
            int part = (int)((long)half * ((chance[0] << 8) | chance[1]) >> 16);
            int wait = rest - part;
            int asked = core.RetryMs < core.Options.MaxRetryMs ? core.RetryMs : core.Options.MaxRetryMs;
            if (asked >= 0 && wait < asked + part)
                wait = asked + part;
            core.WillBeBack(wait + 1L);
            core.LinkWake.WaitOne(wait, false);
            if (core.IsAsleep)
                Sleep();
        }
    }
}
