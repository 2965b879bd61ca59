namespace Rx.IotLink.Nano
{
    /// <summary>
    /// The source of epochs, nonces and jitter. With keys its values must be impossible to guess. System.Random is good
    /// enough on an ESP32 with its radio on, since it uses the hardware.
    /// </summary>
    public interface IRandomSource
    {
        /// <summary>Fills a buffer with random bytes.</summary>
        void Fill(byte[] bytes);
    }
}
