using System;

namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>Bytes that wait, at most so many.</summary>
    internal sealed class ByteRing
    {
        private readonly byte[] bytes;
        private int first;

        public ByteRing(int capacity)
        {
            bytes = new byte[capacity];
        }

        public int Count { get; private set; }

        public int Free
        {
            get { return bytes.Length - Count; }
        }

        public void Clear()
        {
            first = 0;
            Count = 0;
        }

        /// <summary>Adds bytes, for which there must be room.</summary>
        public void Put(byte[] from, int offset, int count)
        {
            int at = (first + Count) % bytes.Length;
            int toEnd = bytes.Length - at;
            int part = count < toEnd ? count : toEnd;
            Array.Copy(from, offset, bytes, at, part);
            Array.Copy(from, offset + part, bytes, 0, count - part);
            Count += count;
        }

        /// <summary>Takes at most so many bytes out; gives how many.</summary>
        public int Take(byte[] to, int offset, int count)
        {
            if (count > Count)
                count = Count;
            int toEnd = bytes.Length - first;
            int part = count < toEnd ? count : toEnd;
            Array.Copy(bytes, first, to, offset, part);
            Array.Copy(bytes, 0, to, offset + part, count - part);
            first = (first + count) % bytes.Length;
            Count -= count;
            return count;
        }
    }
}
