using Rx.IotLink.Nano;
using Rx.IotLink.Nano.Bridge;

namespace Esp32Bridge
{
    /// <summary>
    /// The firmware of a bridge: the same for every host, with no code or setting of a user. The host says which Wi-Fi
    /// and which server.
    /// </summary>
    public class Program
    {
        // The second serial port of an ESP32, on its usual pins (GPIO 17 sends, GPIO 16 receives): the first one is
        // for the development tools.
        private const string Port = "COM2";
        private const int BaudRate = 115200;

        /// <summary>Serves the host for ever.</summary>
        public static void Main()
        {
            new NanoBridge(new SerialChannel(Port, BaudRate), new Networks(), new PowerRebooter()).Run();
        }

        private sealed class Networks : INetworks
        {
            public IWifi Of(string ssid, string password)
            {
                return ssid.Length == 0 ? new WifiStation() : new WifiStation(ssid, password);
            }
        }
    }
}
