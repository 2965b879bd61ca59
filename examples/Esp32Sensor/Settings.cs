namespace Esp32Sensor
{
    /// <summary>What must be changed before the first run.</summary>
    internal static class Settings
    {
        /// <summary>Your Wi-Fi.</summary>
        public const string Ssid = "my-network";

        /// <summary>Its password.</summary>
        public const string Password = "my-password";

        /// <summary>The machine that runs the server: its IPv4 address, or its name.</summary>
        public const string Server = "192.168.0.10";

        /// <summary>The server's port.</summary>
        public const int Port = 8123;

        /// <summary>This device's name, unique among the server's devices.</summary>
        public const string Id = "sensor-1";

        /// <summary>
        /// This device's key as hex digits (the server's <c>iotlink key new sensor-1</c> makes one), or nothing: an
        /// open link.
        /// </summary>
        public const string Key = "";

        /// <summary>
        /// Where readings that wait for long are kept, so that they outlast a loss of power; nothing: in memory alone.
        /// </summary>
        public const string Outbox = "I:\\outbox";

        /// <summary>The pin of the lamp: 2 on most boards.</summary>
        public const int LedPin = 2;
    }
}
