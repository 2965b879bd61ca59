using System;
using System.IO;
using System.Threading;

namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>
    /// An I2C bus as the line to a bridge, for its master. It reads while the wire of attention is high, and seldom
    /// otherwise, so that a wire that is broken makes it slow and nothing else.
    /// </summary>
    public sealed class NanoI2cHostChannel : INanoChannel
    {
        private const int StepMs = 5;
        private const int PollMs = 100;
        private const int Tries = 40;
        private const int Searches = 4;

        private readonly INanoI2cHost bus;
        private readonly AutoResetEvent never = new AutoResetEvent(false);
        private readonly byte[] cell = new byte[NanoI2cCell.Bytes];
        private readonly byte[] piece = new byte[NanoI2cCell.Bytes];
        private readonly byte[] end = new byte[NanoI2cCell.ZerosAtTheEnd];

        // Who has it writes: three zeros in the middle of a frame would spoil it.
        private int isWriting;
        private bool endIsDue;
        private readonly byte[] more = new byte[NanoI2cCell.Bytes];
        private int begun;
        private int searches;
        private int held;
        private int at;
        private int failures;
        private long pollAt;

        /// <summary>A line over this bus.</summary>
        /// <exception cref="ArgumentNullException">There is no bus.</exception>
        public NanoI2cHostChannel(INanoI2cHost bus)
        {
            if (bus == null)
                throw new ArgumentNullException("bus");
            this.bus = bus;
        }

        /// <inheritdoc/>
        public int Read(byte[] buffer, int offset, int count, int waitMs)
        {
            long until = LinkCore.Now + waitMs;
            while (held == 0)
            {
                bool isAsked = bus.IsAttention;
                if (isAsked || LinkCore.Now >= pollAt)
                    ReadCell(isAsked);
                if (held > 0)
                    break;
                if (LinkCore.Now >= until)
                    return 0;
                never.WaitOne(StepMs, false);
            }

            int taken = held < count ? held : count;
            Array.Copy(cell, at, buffer, offset, taken);
            at += taken;
            held -= taken;
            return taken;
        }

        /// <inheritdoc/>
        public void Write(byte[] buffer, int offset, int count)
        {
            while (Interlocked.CompareExchange(ref isWriting, 1, 0) != 0)
                never.WaitOne(1, false);
            try
            {
                WritePieces(buffer, offset, count);
                if (endIsDue)
                    endIsDue = !TryWrite(end, end.Length);
            }
            finally
            {
                isWriting = 0;
            }
        }

        private void WritePieces(byte[] buffer, int offset, int count)
        {
            while (count > 0)
            {
                int part = count < piece.Length ? count : piece.Length;
                Array.Copy(buffer, offset, piece, 0, part);
                for (int tries = 1; !TryWrite(piece, part); tries++)
                {
                    if (tries == Tries / 2)
                        bus.Recover();
                    if (tries == Tries)
                        throw new IOException("the bridge does not acknowledge on the I2C bus");
                    // Its buffer may be full, or another master has the bus.
                    never.WaitOne(StepMs, false);
                }

                offset += part;
                count -= part;
            }
        }

        private void ReadCell(bool isAsked)
        {
            pollAt = LinkCore.Now + PollMs;
            if (!TryRead())
            {
                failures++;
                if (failures % (Tries / 2) == 0)
                    bus.Recover();
                return;
            }

            failures = 0;
            Array.Copy(more, 0, cell, begun, cell.Length - begun);
            if (!NanoI2cCell.IsCell(cell, 0))
            {
                Align();
                // What looks like a beginning each time is what was there before.
                if (begun > 0 && ++searches < Searches)
                    return;
            }

            begun = searches = 0;
            held = NanoI2cCell.CountOf(cell);
            at = NanoI2cCell.Bytes - NanoI2cCell.Carries;
            // Where there was something there may be more, though the wire be broken.
            if (held > 0)
                pollAt = 0;
            // Between frames zeros mean nothing; this many say that the wire may be low.
            if (held > 0 || !isAsked)
                return;
            if (Interlocked.CompareExchange(ref isWriting, 1, 0) != 0)
            {
                endIsDue = true;
                return;
            }

            try
            {
                TryWrite(end, end.Length);
            }
            finally
            {
                isWriting = 0;
            }
        }

        /// <summary>A byte was lost or doubled: the cell begins later, and its rest is read next.</summary>
        private void Align()
        {
            for (int first = 1; first < cell.Length; first++)
            {
                if (!NanoI2cCell.IsCell(cell, first))
                    continue;
                begun = cell.Length - first;
                for (int next = 0; next < begun; next++)
                    cell[next] = cell[first + next];
                return;
            }

            begun = 0;
        }

        private bool TryRead()
        {
            try
            {
                return bus.Read(more, cell.Length - begun);
            }
            catch (OutOfMemoryException)
            {
                throw;
            }
            catch (Exception)
            {
                return false;
            }
        }

        private bool TryWrite(byte[] bytes, int count)
        {
            try
            {
                return bus.Write(bytes, count);
            }
            catch (OutOfMemoryException)
            {
                throw;
            }
            catch (Exception)
            {
                return false;
            }
        }
    }
}
