using System;
using System.Device.Gpio;
using System.Device.I2c;
using Rx.IotLink.Nano.Bridge;

namespace Rx.IotLink.Nano.I2c
{
    /// <summary>
    /// The chip's I2C as the master of a bus on which a bridge is a slave; and a pin for its attention.
    /// </summary>
    public sealed class I2cHostBus : INanoI2cHost
    {
        private readonly I2cConnectionSettings settings;
        private readonly GpioPin attention;
        private I2cDevice device;

        /// <summary>Opens the bus; its pins are configured before.</summary>
        /// <param name="busId">The bus, from 1.</param>
        /// <param name="address">The address of the bridge.</param>
        /// <param name="attentionPin">The pin of the wire of attention; it is pulled down.</param>
        public I2cHostBus(int busId, int address, int attentionPin)
        {
            settings = new I2cConnectionSettings(busId, address);
            attention = new GpioController().OpenPin(attentionPin, PinMode.InputPullDown);
            device = new I2cDevice(settings);
        }

        /// <inheritdoc/>
        public bool IsAttention
        {
            get { return attention.Read() == PinValue.High; }
        }

        /// <inheritdoc/>
        public bool Write(byte[] buffer, int count)
        {
            return device.Write(new SpanByte(buffer, 0, count)).Status == I2cTransferStatus.FullTransfer;
        }

        /// <inheritdoc/>
        public bool Read(byte[] buffer, int count)
        {
            return device.Read(new SpanByte(buffer, 0, count)).Status == I2cTransferStatus.FullTransfer;
        }

        /// <inheritdoc/>
        public void Recover()
        {
            device.Dispose();
            device = new I2cDevice(settings);
        }
    }
}
