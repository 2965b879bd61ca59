namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>
    /// The bridge's end of an I2C bus: a slave with a buffer for each direction. Two threads may call it at once.
    /// </summary>
    public interface INanoI2cBridge
    {
        /// <summary>
        /// Takes what the host has written, up to so many bytes; waits for it at most so long. Gives the number.
        /// </summary>
        int Read(byte[] buffer, int count, int waitMs);

        /// <summary>
        /// Puts so many bytes of the beginning where the host reads them. False: there is no room for all of them, and
        /// none was taken.
        /// </summary>
        bool Write(byte[] buffer, int count);

        /// <summary>The wire of attention: high while the host is to read.</summary>
        void SetAttention(bool isHigh);
    }
}
