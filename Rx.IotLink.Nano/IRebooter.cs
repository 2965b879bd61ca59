namespace Rx.IotLink.Nano
{
    /// <summary>Restarts the device.</summary>
    public interface IRebooter
    {
        /// <summary>Restarts it; on a real device this does not return.</summary>
        void Reboot();
    }
}
