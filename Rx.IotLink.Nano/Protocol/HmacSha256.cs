using System;

namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>HMAC-SHA-256 (RFC 2104).</summary>
    public sealed class HmacSha256 : IMac
    {
        private readonly Sha256 hash = new Sha256();
        private readonly byte[] pad = new byte[Sha256.BlockBytes];

        /// <inheritdoc/>
        public void Begin(byte[] key)
        {
            Array.Clear(pad, 0, pad.Length);
            if (key.Length > pad.Length)
            {
                byte[] shorter = new byte[Sha256.HashBytes];
                hash.Begin();
                hash.Add(key, 0, key.Length);
                hash.End(shorter);
                Array.Copy(shorter, 0, pad, 0, shorter.Length);
            }
            else
            {
                Array.Copy(key, 0, pad, 0, key.Length);
            }

            Mask(0x36);
            hash.Begin();
            hash.Add(pad, 0, pad.Length);
            // From the inner pad to the outer one.
            Mask(0x36 ^ 0x5C);
        }

        /// <inheritdoc/>
        public void Add(byte[] bytes, int offset, int count)
        {
            hash.Add(bytes, offset, count);
        }

        /// <inheritdoc/>
        public void End(byte[] mac)
        {
            hash.End(mac);
            hash.Begin();
            hash.Add(pad, 0, pad.Length);
            hash.Add(mac, 0, Sha256.HashBytes);
            hash.End(mac);
            Array.Clear(pad, 0, pad.Length);
        }

        private void Mask(int mask)
        {
            for (int at = 0; at < pad.Length; at++)
                pad[at] = (byte)(pad[at] ^ mask);
        }
    }
}
