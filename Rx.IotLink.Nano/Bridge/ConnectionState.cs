namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>The connection to the server, of which there is one at a time.</summary>
    internal enum ConnectionState
    {
        /// <summary>There is none.</summary>
        None = 0,

        /// <summary>The bridge is to connect, or does.</summary>
        Opening = 1,

        /// <summary>Bytes flow.</summary>
        Open = 2,

        /// <summary>It has ended, or could not be made.</summary>
        Over = 3,
    }
}
