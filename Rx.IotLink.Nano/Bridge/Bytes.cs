using System;
using System.Text;

namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>Numbers and texts in frames: big-endian, UTF-8.</summary>
    internal static class Bytes
    {
        public static void PutInt(byte[] bytes, int at, int value)
        {
            bytes[at] = (byte)(value >> 24);
            bytes[at + 1] = (byte)(value >> 16);
            bytes[at + 2] = (byte)(value >> 8);
            bytes[at + 3] = (byte)value;
        }

        public static int GetInt(byte[] bytes, int at)
        {
            return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
        }

        public static void PutShort(byte[] bytes, int at, int value)
        {
            bytes[at] = (byte)(value >> 8);
            bytes[at + 1] = (byte)value;
        }

        public static int GetShort(byte[] bytes, int at)
        {
            return (bytes[at] << 8) | bytes[at + 1];
        }

        /// <summary>Writes as much of a text as there is room for; gives the number of bytes.</summary>
        public static int PutText(byte[] bytes, int at, string text, int room)
        {
            byte[] encoded = Encoding.UTF8.GetBytes(text);
            int count = encoded.Length < room ? encoded.Length : room;
            // No half of a character: what follows a cut must not be its continuation.
            while (count < encoded.Length && count > 0 && (encoded[count] & 0xC0) == 0x80)
                count--;
            Array.Copy(encoded, 0, bytes, at, count);
            return count;
        }

        /// <summary>
        /// A text that came from the other end. Control characters, and all of what is no UTF-8, become question marks:
        /// it is shown to people.
        /// </summary>
        public static string GetText(byte[] bytes, int at, int count)
        {
            bool valid = Protocol.Utf8.IsValid(bytes, at, count);
            byte[] clean = new byte[count];
            for (int next = 0; next < count; next++)
            {
                byte value = bytes[at + next];
                clean[next] = value < 0x20 || value == 0x7F || (!valid && value > 0x7F) ? (byte)'?' : value;
            }

            return Encoding.UTF8.GetString(clean, 0, count);
        }
    }
}
