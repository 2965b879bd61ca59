using System;
using System.Threading;

namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>Makes the network that a host asks for. Empty texts: the one that is stored on the device.</summary>
    public interface INetworks
    {
        /// <summary>The network, or null if the device needs none.</summary>
        IWifi Of(string ssid, string password);
    }

    /// <summary>
    /// The bridge on a chip: it brings the Wi-Fi up that its host asks for, and carries bytes between the serial line
    /// and one connection to the server. It holds no line and no key.
    /// </summary>
    public sealed class NanoBridge
    {
        private const int LoopMs = 500;
        private const int WifiConnectMs = 30000;
        private const int ConnectMs = 15000;
        private const int ChunkBytes = 128;

        private readonly BridgeMachine bridge;
        private readonly NanoWire wire;
        private readonly INetworks networks;
        private readonly IRebooter rebooter;
        private readonly AutoResetEvent wanted = new AutoResetEvent(false);
        private IWifi wifi;
        private int sessions;
        private int serving;
        private NanoServing current;
        private string ssid = "";
        private string password = "";
        private bool stopped;

        /// <summary>A bridge on this line; it runs from <see cref="Run"/> on.</summary>
        /// <param name="channel">The line to the host.</param>
        /// <param name="networks">Makes the network, or null: it is always there.</param>
        /// <param name="rebooter">Restarts this chip when the host wants it, or null: it only forgets all.</param>
        public NanoBridge(INanoChannel channel, INetworks networks, IRebooter rebooter)
        {
            if (channel == null)
                throw new ArgumentException("channel must be given");
            this.networks = networks;
            this.rebooter = rebooter;
            bridge = new BridgeMachine(new FrameSettings(), new SystemRandom());
            wire = new NanoWire(bridge, channel);
        }

        /// <summary>Serves the host. Returns only after <see cref="Stop"/>.</summary>
        public void Run()
        {
            wire.Start();
            new Thread(Connect).Start();
            while (!stopped)
            {
                try
                {
                    wire.Changed.WaitOne(LoopMs, false);
                    Look();
                }
                catch (Exception)
                {
                    // Without memory for it this turn is left out; the beat is what the host watches.
                }
            }
        }

        /// <summary>Ends the threads.</summary>
        public void Stop()
        {
            stopped = true;
            wire.Stop();
            wanted.Set();
        }

        /// <summary>Beats, and ends what the host does not want any more.</summary>
        private void Look()
        {
            bool reset;
            NanoServing unwanted = null;
            NanoServing served;
            lock (wire.Gate)
            {
                bridge.Beat();
                reset = bridge.TakeReset();
                if (reset)
                    bridge.Restart(NanoWire.Now);
                if ((current != null && bridge.Opening != serving) || bridge.State == ConnectionState.None)
                {
                    unwanted = current;
                    current = null;
                }

                served = current;
            }

            if (unwanted != null)
                unwanted.Close();
            if (served != null)
                served.Changed.Set();
            if (reset && rebooter != null)
                rebooter.Reboot();
            wanted.Set();
        }

        private void Connect()
        {
            while (!stopped)
            {
                try
                {
                    try
                    {
                        wanted.WaitOne(LoopMs, false);
                        if (EnsureNetwork())
                            Serve();
                    }
                    catch (Exception exception)
                    {
                        Tell(BridgeCondition.NoNetwork, LinkCore.ReasonOf(exception), 0);
                        wanted.WaitOne(LoopMs, false);
                    }
                }
                catch (Exception)
                {
                    // There is no memory even to say so.
                }
            }
        }

        private bool EnsureNetwork()
        {
            WireConfiguration configuration;
            bool isNew;
            lock (wire.Gate)
            {
                configuration = bridge.Configuration;
                isNew = sessions != bridge.Sessions;
                sessions = bridge.Sessions;
            }

            if (configuration == null)
                return false;
            if (networks == null)
                return true;
            // Flash is written where the credentials change, so not with each session.
            if (isNew && (wifi == null || configuration.Ssid != ssid || configuration.Password != password))
            {
                ssid = configuration.Ssid;
                password = configuration.Password;
                wifi = networks.Of(ssid, password);
            }

            if (wifi == null || wifi.IsConnected)
                return true;
            Tell(BridgeCondition.NoNetwork, "joins the network", WifiConnectMs + 5000);
            bool joined = wifi.Connect(WifiConnectMs);
            Tell(joined ? BridgeCondition.Idle : BridgeCondition.NoNetwork, joined ? "" : "the network cannot be joined", 0);
            return joined;
        }

        private void Serve()
        {
            byte number;
            int opening;
            string host;
            int port;
            lock (wire.Gate)
            {
                number = bridge.Connection;
                opening = bridge.Opening;
                host = bridge.Host;
                port = bridge.Port;
                if (bridge.State != ConnectionState.Opening || (opening == serving && current != null))
                {
                    if (bridge.State == ConnectionState.None)
                        bridge.Tell(BridgeCondition.Idle, "", 0);
                    return;
                }
            }

            // A name look-up stops all threads of the chip, for as long as it takes.
            Tell(BridgeCondition.Connecting, "", ConnectMs);
            wire.Poke();
            NanoServing made = new NanoServing(wire, bridge, number, new TcpTransport(host, port));
            NanoServing replaced;
            lock (wire.Gate)
            {
                replaced = current;
                serving = opening;
                current = made;
            }

            if (replaced != null)
                replaced.Close();
            string fault = made.Connect();
            if (fault != null)
            {
                made.Close();
                lock (wire.Gate)
                {
                    bridge.Fail(number, fault);
                    bridge.Tell(BridgeCondition.Idle, fault, 0);
                }

                wire.Poke();
                return;
            }

            lock (wire.Gate)
            {
                bridge.Connects++;
                bridge.Opened(number);
                bridge.Tell(BridgeCondition.Connected, "", 0);
            }

            wire.Poke();
            made.Start();
        }

        private void Tell(BridgeCondition condition, string text, int mayBeSilentMs)
        {
            lock (wire.Gate)
            {
                bridge.Tell(condition, text, mayBeSilentMs);
            }

            wire.Poke();
        }

        /// <summary>One connection to the server, with a thread for each direction.</summary>
        internal sealed class NanoServing
        {
            private readonly NanoWire wire;
            private readonly BridgeMachine bridge;
            private readonly byte number;
            private readonly INanoConnection connection;
            private bool closed;

            public NanoServing(NanoWire wire, BridgeMachine bridge, byte number, INanoTransport transport)
            {
                this.wire = wire;
                this.bridge = bridge;
                this.number = number;
                connection = transport.Create();
                Changed = new AutoResetEvent(false);
            }

            public AutoResetEvent Changed { get; }

            /// <summary>Connects; null, or what is wrong.</summary>
            public string Connect()
            {
                try
                {
                    connection.Connect();
                    return null;
                }
                catch (Exception exception)
                {
                    return LinkCore.ReasonOf(exception);
                }
            }

            public void Start()
            {
                new Thread(Up).Start();
                new Thread(Down).Start();
            }

            public void Close()
            {
                closed = true;
                connection.Close();
                Changed.Set();
            }

            private void Up()
            {
                byte[] chunk = new byte[ChunkBytes];
                try
                {
                    while (!closed)
                    {
                        int read;
                        bool ended;
                        lock (wire.Gate)
                        {
                            if (bridge.Connection != number)
                                break;
                            read = bridge.Read(chunk, 0, ChunkBytes);
                            ended = bridge.PeerEnded && read == 0;
                        }

                        // There is no half-closed socket on the device: the server reads all, and sees the end.
                        if (ended)
                            break;
                        if (read == 0)
                        {
                            Changed.WaitOne(50, false);
                            continue;
                        }

                        wire.Poke();
                        connection.Send(chunk, 0, read);
                    }

                    End("");
                }
                catch (Exception exception)
                {
                    End(LinkCore.ReasonOf(exception));
                }
            }

            private void Down()
            {
                byte[] chunk = new byte[ChunkBytes];
                try
                {
                    while (!closed)
                    {
                        int count = connection.Receive(chunk, 0, ChunkBytes);
                        if (count <= 0)
                            break;
                        Pass(chunk, count);
                    }

                    lock (wire.Gate)
                    {
                        bridge.End(number);
                    }

                    wire.Poke();
                }
                catch (Exception exception)
                {
                    End(LinkCore.ReasonOf(exception));
                }
            }

            private void Pass(byte[] chunk, int count)
            {
                for (int at = 0; at < count && !closed;)
                {
                    int taken;
                    lock (wire.Gate)
                    {
                        if (bridge.Connection != number || bridge.State == ConnectionState.Over)
                            return;
                        taken = bridge.Write(number, chunk, at, count - at);
                    }

                    at += taken;
                    wire.Poke();
                    if (taken == 0)
                        Changed.WaitOne(50, false);
                }
            }

            private void End(string why)
            {
                Close();
                lock (wire.Gate)
                {
                    bridge.Fail(number, why);
                }

                wire.Poke();
            }
        }
    }
}
