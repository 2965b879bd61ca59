using System.IO.Ports;
using System.Threading;
using Rx.IotLink.Nano.Bridge;

namespace Rx.IotLink.Nano
{
    /// <summary>
    /// A serial port of the chip as the line to a bridge, or to a host: 8 data bits, no parity, 1 stop bit.
    /// </summary>
    public sealed class SerialChannel : INanoChannel
    {
        private const int WriteMs = 2000;

        private readonly SerialPort port;
        private readonly AutoResetEvent came = new AutoResetEvent(false);

        /// <summary>Opens the port.</summary>
        /// <param name="portName">As <c>COM2</c>. Its pins are configured before.</param>
        /// <param name="baudRate">Bits a second; a bridge of this project has 115,200.</param>
        public SerialChannel(string portName, int baudRate)
        {
            port = new SerialPort(portName, baudRate, Parity.None, 8, StopBits.One);
            port.Handshake = Handshake.None;
            port.WriteTimeout = WriteMs;
            // A window of frames each way.
            port.ReadBufferSize = 1024;
            port.DataReceived += (sender, told) => came.Set();
            port.Open();
        }

        /// <inheritdoc/>
        public int Read(byte[] buffer, int offset, int count, int waitMs)
        {
            if (port.BytesToRead == 0)
                came.WaitOne(waitMs, false);
            int there = port.BytesToRead;
            return there == 0 ? 0 : port.Read(buffer, offset, there < count ? there : count);
        }

        /// <inheritdoc/>
        public void Write(byte[] buffer, int offset, int count)
        {
            port.Write(buffer, offset, count);
        }
    }
}
