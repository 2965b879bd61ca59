namespace Esp32Sensor
{
    /// <summary>What is sent, as JSON.</summary>
    public sealed class Reading
    {
        /// <summary>Counts the readings since the start.</summary>
        public int Number { get; set; }

        /// <summary>The temperature.</summary>
        public double Celsius { get; set; }

        /// <summary>How often the link has come up.</summary>
        public int Connections { get; set; }
    }

    /// <summary>What can be asked of the device, as JSON: <c>{"EveryMs":5000}</c> or <c>{"Restart":true}</c>.</summary>
    public sealed class Command
    {
        /// <summary>Milliseconds between readings, from 100; 0 leaves it as it is.</summary>
        public int EveryMs { get; set; }

        /// <summary>Restarts the device.</summary>
        public bool Restart { get; set; }
    }
}
