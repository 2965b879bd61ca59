using System;
using System.Device.Gpio;
using System.Device.I2c;
using Rx.IotLink.Nano.Bridge;

namespace Rx.IotLink.Nano.I2c
{
    /// <summary>The chip's I2C as a slave, for a bridge; and a pin for its attention.</summary>
    public sealed class I2cBridgeBus : INanoI2cBridge
    {
        // More of a frame than a host writes at once need not be there.
        private const int WriteMs = 20;

        private readonly I2cSlaveDevice device;
        private readonly GpioPin attention;

        /// <summary>Becomes a slave of the bus; its pins are configured before.</summary>
        /// <param name="busId">The bus, from 1.</param>
        /// <param name="address">The address to answer to.</param>
        /// <param name="attentionPin">The pin of the wire of attention.</param>
        public I2cBridgeBus(int busId, int address, int attentionPin)
        {
            attention = new GpioController().OpenPin(attentionPin, PinMode.Output);
            attention.Write(PinValue.Low);
            device = new I2cSlaveDevice(busId, address);
        }

        /// <inheritdoc/>
        public int Read(byte[] buffer, int count, int waitMs)
        {
            return device.Read(new SpanByte(buffer, 0, count), waitMs);
        }

        /// <inheritdoc/>
        public bool Write(byte[] buffer, int count)
        {
            return device.Write(new SpanByte(buffer, 0, count), WriteMs) == count;
        }

        /// <inheritdoc/>
        public void SetAttention(bool isHigh)
        {
            attention.Write(isHigh ? PinValue.High : PinValue.Low);
        }
    }
}
