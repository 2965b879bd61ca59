namespace Rx.IotLink.Nano
{
    /// <summary>
    /// Restarts the device if the link's own thread hangs. Called by that thread at least once a second: it must return
    /// at once.
    /// </summary>
    public interface IWatchdog
    {
        /// <summary>The link lives.</summary>
        void Feed();

        /// <summary>The link was closed on purpose: nothing feeds any more.</summary>
        void Stop();
    }
}
