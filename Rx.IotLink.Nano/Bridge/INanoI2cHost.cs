namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>
    /// The host's end of an I2C bus: its master. Two threads may call it at once. A transfer that fails gives false; an
    /// exception counts as one.
    /// </summary>
    public interface INanoI2cHost
    {
        /// <summary>Whether the wire of attention is high: the bridge has something to say.</summary>
        bool IsAttention { get; }

        /// <summary>
        /// Writes so many bytes of the beginning to the bridge, in one transfer. False: they were not all acknowledged,
        /// or the clock was held too long. Some may have been taken.
        /// </summary>
        bool Write(byte[] buffer, int count);

        /// <summary>Reads so many bytes from the bridge, in one transfer. False: as with a write.</summary>
        bool Read(byte[] buffer, int count);

        /// <summary>Sets the bus up anew: it is stuck.</summary>
        void Recover();
    }
}
