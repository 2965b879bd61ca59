namespace Rx.IotLink.Nano
{
    /// <summary>The network under the link. It may block and throw: the link can handle both.</summary>
    public interface IWifi
    {
        /// <summary>Whether there is a network with an address.</summary>
        bool IsConnected { get; }

        /// <summary>Brings the network up. False: it did not come up in time.</summary>
        bool Connect(int timeoutMs);

        /// <summary>Takes it down, so that it can start again.</summary>
        void Disconnect();
    }
}
