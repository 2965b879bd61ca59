namespace Rx.IotLink.Nano
{
    /// <summary>
    /// A lamp that shows that the server is heard. Called by the link's own thread: it must return at once.
    /// </summary>
    public interface ILed
    {
        /// <summary>A keepalive was heard: changes between on and off.</summary>
        void Toggle();

        /// <summary>The link is down.</summary>
        void Off();
    }
}
