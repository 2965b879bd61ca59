namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>
    /// Numbers and words as ASCII bytes: read and compared where they lie, so that nothing is allocated.
    /// </summary>
    internal static class AsciiText
    {
        public const byte LineFeed = 10;
        public const byte Blank = 32;
        public const byte Percent = 37;
        public const byte EqualSign = 61;

        /// <summary>The value of a hex digit, or -1.</summary>
        public static int HexDigit(byte digit)
        {
            if (digit >= '0' && digit <= '9')
                return digit - '0';
            if (digit >= 'a' && digit <= 'f')
                return digit - 'a' + 10;
            return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
        }

        /// <summary>The lower-case digit of a value from 0 to 15.</summary>
        public static byte HexDigit(int value)
        {
            return (byte)(value < 10 ? '0' + value : 'a' + value - 10);
        }

        public static bool Same(byte[] bytes, int offset, int count, string word)
        {
            if (count != word.Length)
                return false;
            for (int at = 0; at < count; at++)
            {
                if (bytes[offset + at] != word[at])
                    return false;
            }

            return true;
        }

        public static bool Same(byte[] bytes, int offset, int count, int otherOffset, int otherCount)
        {
            if (count != otherCount)
                return false;
            for (int at = 0; at < count; at++)
            {
                if (bytes[offset + at] != bytes[otherOffset + at])
                    return false;
            }

            return true;
        }

        /// <summary>Four lower-case hex digits, or -1.</summary>
        public static int Low(byte[] bytes, int offset)
        {
            int low = 0;
            for (int at = 0; at < 4; at++)
            {
                byte digit = bytes[offset + at];
                int value = digit >= 'A' && digit <= 'F' ? -1 : HexDigit(digit);
                if (value < 0)
                    return -1;
                low = (low << 4) | value;
            }

            return low;
        }

        /// <summary>1 to 16 hex digits. False: they are not.</summary>
        public static bool TryHex(byte[] bytes, int offset, int count, out ulong number)
        {
            number = 0;
            if (count < 1 || count > 16)
                return false;
            for (int at = 0; at < count; at++)
            {
                int value = HexDigit(bytes[offset + at]);
                if (value < 0)
                    return false;
                number = (number << 4) | (ulong)(uint)value;
            }

            return true;
        }

        /// <summary>A decimal number within limits. False: it is not.</summary>
        public static bool TryDecimal(byte[] bytes, int offset, int count, ulong least, ulong most, out ulong number)
        {
            number = 0;
            if (count < 1)
                return false;
            for (int at = 0; at < count; at++)
            {
                int digit = bytes[offset + at] - '0';
                if (digit < 0 || digit > 9)
                    return false;
                ulong value = (ulong)(uint)digit;
                if (value > most || number > (most - value) / 10)
                    return false;
                number = (number * 10) + value;
            }

            return number >= least;
        }

        /// <summary>
        /// A decimal number; a greater one, however great, counts as the greatest. False: it is none.
        /// </summary>
        public static bool TryDecimalUpTo(byte[] bytes, int offset, int count, ulong most, out ulong number)
        {
            number = 0;
            for (int at = 0; at < count; at++)
            {
                int digit = bytes[offset + at] - '0';
                if (digit < 0 || digit > 9)
                    return false;
                ulong value = (ulong)(uint)digit;
                number = number > (most - value) / 10 ? most : (number * 10) + value;
            }

            return count > 0;
        }

        public static bool IsHex(byte[] bytes, int offset, int count, int digits)
        {
            for (int at = 0; at < count; at++)
            {
                if (HexDigit(bytes[offset + at]) < 0)
                    return false;
            }

            return count == digits;
        }

        /// <summary>Twice as many hex digits as bytes are wanted. False: they are not.</summary>
        public static bool TryBytes(byte[] bytes, int offset, int count, byte[] into)
        {
            if (count != 2 * into.Length)
                return false;
            for (int at = 0; at < into.Length; at++)
            {
                int high = HexDigit(bytes[offset + (2 * at)]);
                int low = HexDigit(bytes[offset + (2 * at) + 1]);
                if (high < 0 || low < 0)
                    return false;
                into[at] = (byte)((high << 4) | low);
            }

            return true;
        }
    }
}
