namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>The settings of a session.</summary>
    internal sealed class SessionSettings
    {
        /// <summary>The device's name as UTF-8.</summary>
        public byte[] Id;

        /// <summary>The device's key, or null on an open link.</summary>
        public byte[] Key;

        /// <summary>Milliseconds of silence that are an outage, until the server has said.</summary>
        public int TimeoutMs;

        /// <summary>The longest timeout that this end accepts from a server.</summary>
        public int MaxTimeoutMs = 86400000;

        /// <summary>The longest line this end is ready to receive.</summary>
        public int MaxLineBytes;

        /// <summary>The most unacknowledged lines this end is ready to receive.</summary>
        public int Window;

        public int InboxLines;

        public int InboxBytes;

        public int OutboxLines;

        public int OutboxBytes;

        public int BestEffortLines;

        public int BestEffortBytes;

        /// <summary>Whether a NUL in a received line becomes U+001A.</summary>
        public bool ReplacesNul;

        /// <summary>The least bytes of the output: what one send should carry.</summary>
        public int OutputBytes;
    }
}
