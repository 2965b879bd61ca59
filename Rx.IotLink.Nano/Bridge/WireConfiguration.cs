using System;
using System.Text;

namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>What a host sends the bridge at the start of each session.</summary>
    internal sealed class WireConfiguration
    {
        public const int MaxSsidBytes = 32;
        public const int MaxPasswordBytes = 64;

        /// <summary>The network; empty: the one that is stored on the bridge.</summary>
        public string Ssid = "";

        /// <summary>Its password. It is never logged.</summary>
        public string Password = "";

        /// <summary>Seconds between two reports; 0: none.</summary>
        public int ReportS;

        /// <summary>Writes it; gives the number of bytes, at most 100.</summary>
        public int Put(byte[] bytes, int at)
        {
            Bytes.PutShort(bytes, at, ReportS);
            int to = at + 2;
            to = PutPart(bytes, to, Ssid);
            to = PutPart(bytes, to, Password);
            return to - at;
        }

        /// <summary>Reads it; null: it is none.</summary>
        public static WireConfiguration Get(byte[] bytes, int at, int count)
        {
            int end = at + count;
            if (count < 4)
                return null;
            int ssid = bytes[at + 2];
            int password = at + 3 + ssid;
            if (ssid > MaxSsidBytes || password >= end)
                return null;
            int length = bytes[password];
            if (length > MaxPasswordBytes || password + 1 + length > end)
                return null;
            if (!Protocol.Utf8.IsValid(bytes, at + 3, ssid) || !Protocol.Utf8.IsValid(bytes, password + 1, length))
                return null;
            return new WireConfiguration
            {
                ReportS = Bytes.GetShort(bytes, at),
                Ssid = Encoding.UTF8.GetString(bytes, at + 3, ssid),
                Password = Encoding.UTF8.GetString(bytes, password + 1, length),
            };
        }

        private static int PutPart(byte[] bytes, int at, string text)
        {
            byte[] encoded = Encoding.UTF8.GetBytes(text);
            bytes[at] = (byte)encoded.Length;
            Array.Copy(encoded, 0, bytes, at + 1, encoded.Length);
            return at + 1 + encoded.Length;
        }
    }
}
