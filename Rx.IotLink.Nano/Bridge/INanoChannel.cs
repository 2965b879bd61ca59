namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>A serial line as the ends of the wire see it.</summary>
    public interface INanoChannel
    {
        /// <summary>
        /// Waits for bytes, at most so many milliseconds. Gives their number, 0 if none came. Throws if the line is
        /// gone; the caller then tries again after a second.
        /// </summary>
        int Read(byte[] buffer, int offset, int count, int waitMs);

        /// <summary>Writes all of these bytes, or throws.</summary>
        void Write(byte[] buffer, int offset, int count);
    }

    /// <summary>The wire to the reset pin of the bridge.</summary>
    public interface INanoResetLine
    {
        /// <summary>Holds the bridge in reset, or lets it run; returns at once.</summary>
        void Set(bool isHeld);
    }
}
