namespace Rx.IotLink.Nano
{
    /// <summary>Makes connections to the server.</summary>
    public interface INanoTransport
    {
        /// <summary>
        /// Creates a connection that is not connected yet. The link always closes it, with
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
        /// Milliseconds after which a receive or send that makes no progress should throw: for systems where closing
        /// from another thread does not help.
        /// </summary>
        void SetTimeouts(int milliseconds);

        /// <summary>
        /// Waits for bytes. Gives their number; 0 if the peer has ended the connection. Throws if the connection broke
        /// or was closed.
        /// </summary>
        int Receive(byte[] buffer, int offset, int count);

        /// <summary>Sends all of these bytes, or throws.</summary>
        void Send(byte[] buffer, int offset, int count);

        /// <summary>
        /// Ends the connection; from any thread, at any time. Calls that wait in <see cref="Connect"/>,
        /// <see cref="Receive"/> or <see cref="Send"/> then end. Throws nothing but
        /// <see cref="System.OutOfMemoryException"/>; then it is called again.
        /// </summary>
        void Close();
    }
}
