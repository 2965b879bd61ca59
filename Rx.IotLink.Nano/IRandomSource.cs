namespace Rx.IotLink.Nano
{
    /// <summary>
    /// Where epochs, nonces and jitter come from. With keys it must be one that cannot be guessed; on an ESP32 with its
    /// radio on, System.Random is (it asks the hardware).
    /// </summary>
    public interface IRandomSource
    {
        /// <summary>Fills a buffer with random bytes.</summary>
        void Fill(byte[] bytes);
    }
}
