using System;

namespace Esp32Sensor
{
    /// <summary>Makes readings, so that the example runs on a bare board. Read your own sensor here.</summary>
    internal sealed class Sensor
    {
        private readonly Random random = new Random();
        private double celsius = 20;

        public double Read()
        {
            celsius += (random.NextDouble() - 0.5) / 5;
            return celsius;
        }
    }
}
