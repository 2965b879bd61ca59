namespace Rx.IotLink.Nano
{
    /// <summary>
    /// Restarts the device if the link's own thread hangs. Called by that thread at least once a second: it must return
    /// at once.
    /// </summary>
    public interface IWatchdog
    {
        /// <summary>The link's thread still runs.</summary>
        void Feed();

        /// <summary>The link was closed on purpose: no more calls of <see cref="Feed"/> follow.</summary>
        void Stop();
    }
}
