namespace Rx.IotLink.Nano
{
    /// <summary>
    /// Memory that keeps what it holds without power: two areas of bytes, as two small files. Each is only ever begun
    /// anew or appended to. Calls are serial; the client calls no other member while one runs.
    /// </summary>
    public interface IFlash
    {
        /// <summary>The most bytes that an area holds. Asked once, at the start.</summary>
        int AreaBytes { get; }

        /// <summary>
        /// Reads up to so many bytes. Gives how many it read: 0 behind the last one, and where there is no such area.
        /// </summary>
        /// <param name="area">0 or 1.</param>
        /// <param name="position">Where to begin, from 0.</param>
        /// <param name="buffer">They go here,</param>
        /// <param name="offset">from here on.</param>
        /// <param name="count">The most to read.</param>
        int Read(int area, int position, byte[] buffer, int offset, int count);

        /// <summary>
        /// Writes these bytes, and returns when they outlast a loss of power; or throws, and then nobody knows which of
        /// them do. At position 0 the area begins anew: what it held is gone.
        /// </summary>
        /// <param name="area">0 or 1.</param>
        /// <param name="position">0, or where an earlier write ended.</param>
        /// <param name="buffer">They come from here,</param>
        /// <param name="offset">from here on.</param>
        /// <param name="count">How many.</param>
        void Write(int area, int position, byte[] buffer, int offset, int count);
    }
}
