using System;

namespace Rx.IotLink.Nano
{
    /// <summary>System.Random, which on an ESP32 asks its hardware generator.</summary>
    public sealed class SystemRandom : IRandomSource
    {
        private readonly Random random = new Random();

        /// <inheritdoc/>
        public void Fill(byte[] bytes)
        {
            random.NextBytes(bytes);
        }
    }
}
