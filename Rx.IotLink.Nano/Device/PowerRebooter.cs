using nanoFramework.Runtime.Native;

namespace Rx.IotLink.Nano
{
    /// <summary>Restarts the whole chip.</summary>
    public sealed class PowerRebooter : IRebooter
    {
        /// <inheritdoc/>
        public void Reboot()
        {
            Power.RebootDevice(RebootOption.NormalReboot);
        }
    }
}
