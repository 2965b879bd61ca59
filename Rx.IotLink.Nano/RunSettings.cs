using Rx.IotLink.Nano.Flash;

namespace Rx.IotLink.Nano
{
    /// <summary>
    /// The options that are wanted while a link runs: each field takes memory, so the others are not held.
    /// </summary>
    internal class RunSettings
    {
        public readonly int TimeoutMs;
        public readonly FirstConnection FirstConnection;
        public readonly int BackOffMs;
        public readonly int BackOffCapMs;
        public readonly int MaxRetryMs;
        public readonly int ConnectTimeoutMs;
        public readonly int WifiConnectMs;
        public readonly int WifiSettleMs;
        public readonly int HangMs;
        public readonly LineHandler OnLine;
        public readonly StatusHandler OnStatus;
        public readonly NoticeHandler OnNotice;
        public readonly IWifi Wifi;
        public readonly ILed Led;
        public readonly IWatchdog Watchdog;
        public readonly IRebooter Rebooter;

        /// <summary>What keeps the outbox; null without a flash. No field: most devices have none.</summary>
        public virtual Keeper Keeper
        {
            get { return null; }
        }

        public RunSettings(NanoClientOptions options)
        {
            TimeoutMs = options.TimeoutMs;
            FirstConnection = options.FirstConnection;
            BackOffMs = options.BackOffMs;
            BackOffCapMs = options.BackOffCapMs;
            MaxRetryMs = options.MaxRetryMs;
            ConnectTimeoutMs = options.ConnectTimeoutMs;
            WifiConnectMs = options.WifiConnectMs;
            WifiSettleMs = options.WifiSettleMs;
            HangMs = options.HangMs;
            OnLine = options.OnLine;
            OnStatus = options.OnStatus;
            OnNotice = options.OnNotice;
            Wifi = options.Wifi;
            Led = options.Led;
            Watchdog = options.Watchdog;
            Rebooter = options.Rebooter;
        }
    }
}
