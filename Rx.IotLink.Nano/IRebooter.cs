namespace Rx.IotLink.Nano
{
    /// <summary>Restarts the device.</summary>
    public interface IRebooter
    {
        /// <summary>Restarts it; does not come back on a real one.</summary>
        void Reboot();
    }
}
