using System;
using Rx.IotLink.Nano.Protocol;

namespace Rx.IotLink.Nano
{
    /// <summary>
    /// The thread that connects, reads, and after an outage connects again; for the whole life of the link.
    /// </summary>
    internal sealed class LinkThread
    {
        private const int ChunkBytes = 256;

        private readonly LinkCore core;
        private readonly INanoTransport transport;
        private readonly byte[] chunk = new byte[ChunkBytes];
        private readonly byte[] chance = new byte[2];
        private int failures;

        public LinkThread(LinkCore core, INanoTransport transport)
        {
            this.core = core;
            this.transport = transport;
        }

        public void Run()
        {
            while (!core.IsOver)
            {
                try
                {
                    Attempt();
                    if (!core.IsOver)
                        Rest();
                }
                catch (Exception exception)
                {
                    core.Caught("the link's thread", exception);
                    core.LinkWake.WaitOne(1000, false);
                }
            }

            core.EndLink();
        }

        private void Attempt()
        {
            core.Begin();
            int before = core.Counters.Connections;
            string reason = EnsureWifi() ? Connection() : "the Wi-Fi did not come up";
            // A server that opens a connection and dies at once counts like one that cannot be reached.
            bool lasted = core.Counters.Connections > before && core.HasLasted;
            core.End(reason);
            if (lasted)
                failures = 0;
            else if (core.Counters.Connections == 0 && core.Options.FirstConnection == FirstConnection.Fail && !core.IsClosing)
                core.Refuse("the first connection failed: " + core.EndReason);
        }

        /// <summary>Serves one connection from its beginning to its end; gives the reason of that.</summary>
        private string Connection()
        {
            INanoConnection connection = null;
            try
            {
                connection = transport.Create();
                if (!core.Connecting(connection))
                    return "closed here";
                connection.Connect();
                if (!core.Connected())
                    return "given up";
                return Read(connection);
            }
            catch (Exception exception)
            {
                // This is normal for a device, and is reported as the reason of the outage.
                return exception.Message != null ? exception.Message : "the connection failed";
            }
            finally
            {
                if (connection != null)
                    core.CloseQuietly(connection);
            }
        }

        private string Read(INanoConnection connection)
        {
            int timeoutMs = 0;
            while (true)
            {
                // The pump gives a silent connection up; these are for a system where its closing does not help.
                int limitMs = (2 * core.Session.TimeoutMs) + 1000;
                if (limitMs != timeoutMs)
                    connection.SetTimeouts(timeoutMs = limitMs);
                int count = connection.Receive(chunk, 0, ChunkBytes);
                if (count <= 0)
                    return "the server ended the connection";
                if (!core.Received(chunk, count))
                    return "the last word was said";
            }
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
                return true;
            }
            catch (Exception exception)
            {
                core.Caught("the Wi-Fi", exception);
                return false;
            }
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
            core.LinkWake.WaitOne(wait, false);
        }
    }
}
