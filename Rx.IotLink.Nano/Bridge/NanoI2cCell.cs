namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>
    /// What a bridge says on I2C goes in cells, since a slave cannot say how much it has, and a master that reads too
    /// much gets what was there before (docs/bridge-protocol.md).
    /// </summary>
    internal static class NanoI2cCell
    {
        /// <summary>The bytes of a cell; and the most that a host writes at once.</summary>
        public const int Bytes = 16;

        /// <summary>How many of them it carries.</summary>
        public const int Carries = Bytes - 2;

        /// <summary>So many zeros from the host mean that it has read an end.</summary>
        public const int ZerosAtTheEnd = 3;

        /// <summary>Writes the head of a cell that carries so many bytes; 0: here is an end.</summary>
        public static void Head(byte[] cell, int count)
        {
            cell[0] = (byte)count;
            cell[1] = (byte)~count;
        }

        /// <summary>Whether a cell begins here, as far as its head is there.</summary>
        public static bool IsCell(byte[] bytes, int at)
        {
            int count = bytes[at];
            return count <= Carries && (at + 1 == bytes.Length || bytes[at + 1] == (byte)~count);
        }

        /// <summary>How many bytes a cell carries; 0: it is an end, or none of ours.</summary>
        public static int CountOf(byte[] cell)
        {
            return IsCell(cell, 0) ? cell[0] : 0;
        }
    }
}
