using System;
using System.IO;
using System.Threading;

namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>An I2C bus as the line to a host, for a bridge that is a slave on it.</summary>
    public sealed class NanoI2cBridgeChannel : INanoChannel
    {
        private const int StepMs = 5;
        private const int PatienceMs = 2000;

        // The slave of nanoFramework has one lock for both directions.
        private const int ReadMs = 10;

        private readonly INanoI2cBridge bus;
        private readonly AutoResetEvent never = new AutoResetEvent(false);
        private readonly byte[] cell = new byte[NanoI2cCell.Bytes];
        private readonly byte[] came = new byte[NanoI2cCell.Bytes];
        private int zeros;
        private int ends;
        private int endsRead;

        /// <summary>A line over this bus.</summary>
        /// <exception cref="ArgumentNullException">There is no bus.</exception>
        public NanoI2cBridgeChannel(INanoI2cBridge bus)
        {
            if (bus == null)
                throw new ArgumentNullException("bus");
            this.bus = bus;
        }

        /// <inheritdoc/>
        public int Read(byte[] buffer, int offset, int count, int waitMs)
        {
            long until = LinkCore.Now + waitMs;
            while (true)
            {
                int there = bus.Read(came, count < came.Length ? count : came.Length, ReadMs);
                for (int next = 0; next < there; next++)
                {
                    buffer[offset + next] = came[next];
                    zeros = came[next] == 0 ? zeros + 1 : 0;
                    if (zeros < NanoI2cCell.ZerosAtTheEnd)
                        continue;
                    zeros = 0;
                    if (endsRead != ends)
                        endsRead++;
                    bus.SetAttention(endsRead != ends);
                }

                if (there > 0 || LinkCore.Now >= until)
                    return there;
            }
        }

        /// <inheritdoc/>
        public void Write(byte[] buffer, int offset, int count)
        {
            // Before all of it is there: the buffer of the bus may be smaller.
            ends++;
            bus.SetAttention(true);
            while (count > 0)
            {
                int part = count < NanoI2cCell.Carries ? count : NanoI2cCell.Carries;
                NanoI2cCell.Head(cell, part);
                Array.Copy(buffer, offset, cell, NanoI2cCell.Bytes - NanoI2cCell.Carries, part);
                WriteCell();
                offset += part;
                count -= part;
            }

            NanoI2cCell.Head(cell, 0);
            WriteCell();
            bus.SetAttention(true);
        }

        private void WriteCell()
        {
            long until = LinkCore.Now + PatienceMs;
            while (!bus.Write(cell, cell.Length))
            {
                if (LinkCore.Now >= until)
                    throw new IOException("the host does not read on the I2C bus");
                bus.SetAttention(true);
                never.WaitOne(StepMs, false);
            }
        }
    }
}
