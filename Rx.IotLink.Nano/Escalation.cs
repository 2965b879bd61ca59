namespace Rx.IotLink.Nano
{
    /// <summary>What else to try while a link stays down. Told the time; a patience of 0 is endless.</summary>
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

        /// <summary>The link is not up; its being down began when it was first said.</summary>
        public void Down(long now)
        {
            if (!up)
                return;
            up = false;
            downSince = wifiSince = now;
        }

        /// <summary>
        /// Whether the Wi-Fi should be taken off and on; asked again, only after its patience has run out again.
        /// </summary>
        public bool TakeWifiReset(long now)
        {
            if (up || wifiPatienceMs == 0 || now - wifiSince < wifiPatienceMs)
                return false;
            wifiSince = now;
            return true;
        }

        /// <summary>
        /// Whether the device should be restarted; asked again (should it still live), only after its patience has run
        /// out again.
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
