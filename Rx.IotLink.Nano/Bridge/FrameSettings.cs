namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>The bounds of an end of the wire.</summary>
    internal sealed class FrameSettings
    {
        /// <summary>Frames of data that this end takes, or sends, before an acknowledgement. 1 to 32.</summary>
        public int Window = 4;

        /// <summary>Milliseconds after which a frame without acknowledgement is sent again.</summary>
        public int RepeatMs = 200;

        /// <summary>Milliseconds without a valid frame after which the other end counts as gone.</summary>
        public int SilenceMs = 4000;

        /// <summary>Host: milliseconds without a beat of the bridge's program after which it counts as dead.</summary>
        public int BeatMs = 10000;

        /// <summary>Host: the longest pause between two resets of the bridge, in milliseconds.</summary>
        public int ResetCapMs = 60000;

        /// <summary>
        /// How long a frame waits for its acknowledgement on a line of so many bits a second: a whole window may be on
        /// its way before it, in both directions.
        /// </summary>
        public static int RepeatMsAt(int baudRate, int window)
        {
            return 200 + (2 * window * Frame.MaxEncoded * 10 * 1000 / baudRate);
        }
    }
}
