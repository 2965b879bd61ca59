namespace Rx.IotLink.Nano
{
    /// <summary>A device that sleeps.</summary>
    internal sealed partial class LinkCore
    {
        /// <summary>
        /// Sleeps for so long: the last word is said, the connection ends, and no other is made. False: the link is
        /// over.
        /// </summary>
        public bool Sleep(int seconds)
        {
            lock (Gate)
            {
                if (IsOver)
                    return false;
                sleepUntil = Now + (1000L * seconds);
                if (!IsAsleep)
                    closingSince = Now;
                IsAsleep = true;
                Session.Bye("sleep=" + seconds.ToString());
            }

            PumpWake.Set();
            LinkWake.Set();
            return true;
        }

        /// <summary>Sleeps no longer.</summary>
        public void WakeUp()
        {
            lock (Gate)
            {
                IsAsleep = false;
            }

            LinkWake.Set();
        }

        /// <summary>Milliseconds of sleep that are left; 0: it is awake now.</summary>
        public int SleepMs()
        {
            lock (Gate)
            {
                long left = sleepUntil - Now;
                if (left <= 0)
                    IsAsleep = false;
                return !IsAsleep ? 0 : left < int.MaxValue ? (int)left : int.MaxValue;
            }
        }
    }
}
