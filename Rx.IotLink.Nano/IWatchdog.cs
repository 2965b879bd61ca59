namespace Rx.IotLink.Nano
{
    /// <summary>
    /// Restarts the device if a thread of the link hangs. Called at least once a second, as long as both threads that
    /// must run do: it must return at once. A call of the network that does not return
    /// <see cref="NanoClientOptions.HangMs"/> after its time counts as hanging.
    /// </summary>
    /// <remarks>
    /// The handshake of TLS runs in the chip's native code, without a time limit: a server that falls silent in it
    /// stops every thread for good. Nothing in software finds that. Let this feed a hardware watchdog: a chip of its
    /// own, or the ESP32's, where a firmware offers it.
    /// </remarks>
    public interface IWatchdog
    {
        /// <summary>The link's threads still run.</summary>
        void Feed();

        /// <summary>The link was closed on purpose: no more calls of <see cref="Feed"/> follow.</summary>
        void Stop();
    }
}
