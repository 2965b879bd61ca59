namespace Rx.IotLink.Nano
{
    /// <summary>
    /// The next steps while a link stays down. The caller gives the time; a patience of 0 means never.
    /// </summary>
    internal sealed class Escalation
    {
        private readonly int wifiPatienceMs;
        private readonly int rebootPatienceMs;
        private long downSince;
        private long wifiSince;
        private bool up;

        public Escalation(int wifiPatienceMs, int rebootPatienceMs, long now)
        {
            this.wifiPatienceMs = wifiPatienceMs;
            this.rebootPatienceMs = rebootPatienceMs;
            downSince = wifiSince = now;
        }

        public void Up()
        {
            up = true;
        }

        /// <summary>The link is not up. It counts as down since the first such call.</summary>
        public void Down(long now)
        {
            if (!up)
                return;
            up = false;
            downSince = wifiSince = now;
        }

        /// <summary>
        /// Whether to switch the Wi-Fi off and on now; then again only after its patience is over again.
        /// </summary>
        public bool TakeWifiReset(long now)
        {
            if (up || wifiPatienceMs == 0 || now - wifiSince < wifiPatienceMs)
                return false;
            wifiSince = now;
            return true;
        }

        /// <summary>
        /// Whether to restart the device now; then again (if it still runs) only after its patience is over again.
        /// </summary>
        public bool TakeReboot(long now)
        {
            if (up || rebootPatienceMs == 0 || now - downSince < rebootPatienceMs)
                return false;
            downSince = now;
            return true;
        }
    }
}
