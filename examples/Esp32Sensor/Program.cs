using System;
using System.Diagnostics;
using System.Threading;
using nanoFramework.Json;
using Rx.IotLink.Nano;

namespace Esp32Sensor
{
    /// <summary>
    /// Sends readings, obeys commands, blinks with the server's keepalives, and comes back from whatever happens.
    /// </summary>
    public class Program
    {
        private const int RestMs = 10000;

        private static readonly PowerRebooter Rebooter = new PowerRebooter();
        private static readonly AutoResetEvent EveryChanged = new AutoResetEvent(false);
        private static readonly Sensor Sensor = new Sensor();
        private static int everyMs = 1000;
        private static int number;

        /// <summary>Never returns.</summary>
        public static void Main()
        {
            ILed led = new GpioLed(Settings.LedPin);
            while (true)
            {
                try
                {
                    Run(led);
                }
                catch (Exception exception)
                {
                    Debug.WriteLine("The application failed: " + exception.Message);
                }

                Thread.Sleep(RestMs);
            }
        }

        private static void Run(ILed led)
        {
            using IotLinkNanoClient link = IotLinkNanoClient.Start(new NanoClientOptions
            {
                Host = Settings.Server,
                Port = Settings.Port,
                Id = Settings.Id,
                Key = Key(Settings.Key),
                Wifi = new WifiStation(Settings.Ssid, Settings.Password),
                Flash = Settings.Outbox.Length > 0 ? new FileFlash(Settings.Outbox, 4096) : null,
                Led = led,
                Rebooter = Rebooter,
                Watchdog = new SoftwareWatchdog(Rebooter, 20000),
                OnLine = Obey,
                OnStatus = Show,
                OnNotice = Note,
            });

            while (true)
            {
                Reading reading = new Reading { Number = ++number, Celsius = Sensor.Read(), Connections = link.Counters.Connections };

                // While the outbox is full of older readings this one is let go: the link keeps what it has taken.
                if (link.Write(JsonConvert.SerializeObject(reading)) == WriteResult.Full)
                    Debug.WriteLine("No room for reading " + number.ToString());
                EveryChanged.WaitOne(everyMs, false);
            }
        }

        /// <summary>
        /// Called by the link, one line at a time; what it throws would be caught there, but here it is known what it
        /// means.
        /// </summary>
        private static void Obey(string line)
        {
            Command command = null;
            try
            {
                command = (Command)JsonConvert.DeserializeObject(line, typeof(Command));
            }
            catch (Exception exception)
            {
                Debug.WriteLine("No command: " + line + " (" + exception.Message + ")");
            }

            if (command == null)
                return;
            if (command.EveryMs >= 100)
            {
                everyMs = command.EveryMs;
                EveryChanged.Set();
            }

            if (command.Restart)
                Rebooter.Reboot();
        }

        private static void Show(LinkStatus status, string why)
        {
            Debug.WriteLine("The link is " + LinkNames.Of(status) + " " + why);
        }

        private static void Note(string text)
        {
            Debug.WriteLine(text);
        }

        private static byte[] Key(string hex)
        {
            if (hex.Length == 0)
                return null;
            byte[] key = new byte[hex.Length / 2];
            for (int at = 0; at < key.Length; at++)
                key[at] = Convert.ToByte(hex.Substring(2 * at, 2), 16);
            return key;
        }
    }
}
