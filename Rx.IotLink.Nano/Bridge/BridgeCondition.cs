namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>What a bridge does, as it says itself.</summary>
#if IOTLINK_PC
    internal enum BridgeCondition
#else
    public enum BridgeCondition
#endif
    {
        /// <summary>It has not said so, or is not there.</summary>
        Unknown = 0,

        /// <summary>It has no network yet; it tries for ever.</summary>
        NoNetwork = 1,

        /// <summary>It has a network, and no connection is wanted.</summary>
        Idle = 2,

        /// <summary>It connects to the server.</summary>
        Connecting = 3,

        /// <summary>It is connected to the server.</summary>
        Connected = 4,
    }
}
