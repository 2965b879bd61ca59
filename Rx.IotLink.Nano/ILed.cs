namespace Rx.IotLink.Nano
{
    /// <summary>
    /// A lamp that shows the server's keepalives. Called by the link's own thread: it must return at once.
    /// </summary>
    public interface ILed
    {
        /// <summary>A keepalive was received: changes between on and off.</summary>
        void Toggle();

        /// <summary>The link is down.</summary>
        void Off();
    }
}
