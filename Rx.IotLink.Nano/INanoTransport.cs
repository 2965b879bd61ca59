namespace Rx.IotLink.Nano
{
    /// <summary>How connections to the server are made.</summary>
    public interface INanoTransport
    {
        /// <summary>
        /// A connection that is not made yet. It is always closed in the end, by its
        /// <see cref="INanoConnection.Close"/>.
        /// </summary>
        INanoConnection Create();
    }

    /// <summary>One connection: it is connected once, and closed once or more.</summary>
    public interface INanoConnection
    {
        /// <summary>Connects; throws if that fails, or if the connection is closed meanwhile.</summary>
        void Connect();

        /// <summary>
        /// Milliseconds after which a receive or send that makes no progress should throw: the last resort, where
        /// closing from another thread does not help.
        /// </summary>
        void SetTimeouts(int milliseconds);

        /// <summary>
        /// Waits for bytes. Gives their number, or 0: the peer has ended the connection. Throws if the connection broke
        /// or was closed.
        /// </summary>
        int Receive(byte[] buffer, int offset, int count);

        /// <summary>Sends all of these bytes, or throws.</summary>
        void Send(byte[] buffer, int offset, int count);

        /// <summary>
        /// Ends the connection; from any thread, at any time, so that whoever waits in <see cref="Connect"/>,
        /// <see cref="Receive"/> or <see cref="Send"/> waits no more. Never throws.
        /// </summary>
        void Close();
    }
}
