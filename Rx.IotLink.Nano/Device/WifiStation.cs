using System.Device.Wifi;
using System.Net.NetworkInformation;
using System.Threading;
using nanoFramework.Networking;

namespace Rx.IotLink.Nano
{
    /// <summary>The ESP32's Wi-Fi, with an address by DHCP.</summary>
    public sealed class WifiStation : IWifi
    {
        private readonly string ssid;
        private readonly string password;

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
                NetworkInterface[] interfaces = NetworkInterface.GetAllNetworkInterfaces();
                for (int at = 0; at < interfaces.Length; at++)
                {
                    string address = interfaces[at].NetworkInterfaceType == NetworkInterfaceType.Wireless80211 ? interfaces[at].IPv4Address : null;
                    if (address != null && address.Length > 0 && address != "0.0.0.0")
                        return true;
                }

                return false;
            }
        }

        /// <inheritdoc/>
        public bool Connect(int timeoutMs)
        {
            CancellationTokenSource limit = new CancellationTokenSource(timeoutMs);
            try
            {
                return WifiNetworkHelper.ConnectDhcp(ssid, password, WifiReconnectionKind.Automatic, false, 0, limit.Token);
            }
            finally
            {
                limit.Dispose();
            }
        }

        /// <inheritdoc/>
        public void Disconnect()
        {
            WifiNetworkHelper.Disconnect();
        }
    }
}
