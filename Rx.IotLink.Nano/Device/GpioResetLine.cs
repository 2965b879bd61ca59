using System.Device.Gpio;
using Rx.IotLink.Nano.Bridge;

namespace Rx.IotLink.Nano
{
    /// <summary>A pin that is wired to the reset pin (EN) of a bridge: low holds it in reset.</summary>
    public sealed class GpioResetLine : INanoResetLine
    {
        private readonly GpioPin pin;

        /// <summary>This pin becomes an output that pulls down, and otherwise leaves the wire to the bridge.</summary>
        public GpioResetLine(int pinNumber)
        {
            pin = new GpioController().OpenPin(pinNumber, PinMode.OutputOpenDrain);
            pin.Write(PinValue.High);
        }

        /// <inheritdoc/>
        public void Set(bool isHeld)
        {
            pin.Write(isHeld ? PinValue.Low : PinValue.High);
        }
    }
}
