using System.Device.Wifi;
using System.Net.NetworkInformation;
using System.Threading;

namespace Rx.IotLink.Nano
{
    /// <summary>
    /// The ESP32's Wi-Fi, with an address by DHCP. It writes to flash only if the credentials there are others: not at
    /// each attempt, for which flash is not made.
    /// </summary>
    public sealed class WifiStation : IWifi
    {
        private const int SliceMs = 200;

        private readonly string ssid;
        private readonly string password;

        // One for good: the platform keeps each that is made.
        private WifiAdapter adapter;

        /// <summary>A station of the network that is stored on the device.</summary>
        public WifiStation()
        {
        }

        /// <summary>A station of this network.</summary>
        public WifiStation(string ssid, string password)
        {
            this.ssid = ssid;
            this.password = password;
        }

        /// <inheritdoc/>
        public bool IsConnected
        {
            get
            {
                NetworkInterface wireless = Wireless();
                string address = wireless != null ? wireless.IPv4Address : null;
                return address != null && address.Length > 0 && address != "0.0.0.0";
            }
        }

        /// <inheritdoc/>
        public bool Connect(int timeoutMs)
        {
            NetworkInterface wireless = Wireless();
            if (wireless == null)
                return false;
            if (adapter == null)
                adapter = WifiAdapter.FindAllAdapters()[0];
            adapter.Disconnect();
            Wireless80211Configuration stored = Stored(wireless);
            // It waits for the access point itself, for 20 s at most.
            if (adapter.Connect(stored.Ssid, WifiReconnectionKind.Automatic, stored.Password).ConnectionStatus != WifiConnectionStatus.Success)
                return false;
            for (int left = timeoutMs; left > 0; left -= SliceMs)
            {
                if (IsConnected)
                    return true;
                Thread.Sleep(SliceMs);
            }

            return IsConnected;
        }

        /// <inheritdoc/>
        public void Disconnect()
        {
            if (adapter != null)
                adapter.Disconnect();
        }

        /// <summary>The credentials on the device, which are these from now on.</summary>
        private Wireless80211Configuration Stored(NetworkInterface wireless)
        {
            Wireless80211Configuration stored = Wireless80211Configuration.GetAllWireless80211Configurations()[(int)wireless.SpecificConfigId];
            if (ssid != null && (stored.Ssid != ssid || stored.Password != password))
            {
                stored.Ssid = ssid;
                stored.Password = password;
                stored.SaveConfiguration();
            }

            if (!wireless.IsDhcpEnabled)
                wireless.EnableDhcp();
            return stored;
        }

        private static NetworkInterface Wireless()
        {
            NetworkInterface[] interfaces = NetworkInterface.GetAllNetworkInterfaces();
            for (int at = 0; at < interfaces.Length; at++)
            {
                if (interfaces[at].NetworkInterfaceType == NetworkInterfaceType.Wireless80211)
                    return interfaces[at];
            }

            return null;
        }
    }
}
