using System.Device.Gpio;

namespace Rx.IotLink.Nano
{
    /// <summary>A lamp on a pin.</summary>
    public sealed class GpioLed : ILed
    {
        private readonly GpioPin pin;

        /// <summary>A lamp on this pin, which becomes an output.</summary>
        public GpioLed(int pinNumber)
        {
            pin = new GpioController().OpenPin(pinNumber, PinMode.Output);
        }

        /// <inheritdoc/>
        public void Toggle()
        {
            pin.Toggle();
        }

        /// <inheritdoc/>
        public void Off()
        {
            pin.Write(PinValue.Low);
        }
    }
}
