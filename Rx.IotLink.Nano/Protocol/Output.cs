using System;

namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>What is to be sent next: one fixed buffer that is filled, sent and filled again.</summary>
    internal sealed class Output
    {
        private readonly byte[] bytes;
        private int length;

        public Output(int size)
        {
            bytes = new byte[size];
        }

        public byte[] Bytes
        {
            get { return bytes; }
        }

        public int Length
        {
            get { return length; }
        }

        public int Room
        {
            get { return bytes.Length - length; }
        }

        public void Clear()
        {
            length = 0;
        }

        public void Byte(byte value)
        {
            bytes[length++] = value;
        }

        public void Append(byte[] from, int offset, int count)
        {
            Array.Copy(from, offset, bytes, length, count);
            length += count;
        }

        /// <summary>Appends a word of ASCII.</summary>
        public void Word(string word)
        {
            for (int at = 0; at < word.Length; at++)
                bytes[length++] = (byte)word[at];
        }

        /// <summary>Appends the low 16 bits as four hex digits.</summary>
        public void Low(ulong number)
        {
            int low = (int)(number & 0xFFFF);
            for (int shift = 12; shift >= 0; shift -= 4)
                bytes[length++] = AsciiText.HexDigit((low >> shift) & 15);
        }

        public void Hex(ulong number)
        {
            for (int shift = 60; shift >= 0; shift -= 4)
                bytes[length++] = AsciiText.HexDigit((int)(number >> shift) & 15);
        }

        public void Hex(byte[] from)
        {
            for (int at = 0; at < from.Length; at++)
            {
                bytes[length++] = AsciiText.HexDigit(from[at] >> 4);
                bytes[length++] = AsciiText.HexDigit(from[at] & 15);
            }
        }

        public void Decimal(ulong number)
        {
            int start = length;
            do
            {
                bytes[length++] = (byte)('0' + (int)(number % 10));
                number /= 10;
            }
            while (number > 0);
            for (int left = start, right = length - 1; left < right; left++, right--)
            {
                byte digit = bytes[left];
                bytes[left] = bytes[right];
                bytes[right] = digit;
            }
        }
    }
}
