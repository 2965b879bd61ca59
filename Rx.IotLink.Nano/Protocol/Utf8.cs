namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>Strict UTF-8 (RFC 3629): what is not valid is refused, never replaced.</summary>
    internal static class Utf8
    {
        public static bool IsValid(byte[] bytes, int offset, int count)
        {
            int end = offset + count;
            for (int at = offset; ;)
            {
                // ASCII: as signed numbers not below zero. Few instructions for each byte count on an interpreter.
                while (at < end && (sbyte)bytes[at] >= 0)
                    at++;
                if (at == end)
                    return true;
                byte first = bytes[at++];
                if (first < 0xC2 || first > 0xF4)
                    return false;
                // Most of what is not ASCII, in few instructions.
                if (first < 0xE0)
                {
                    if (at == end || (bytes[at++] & 0xC0) != 0x80)
                        return false;
                    continue;
                }

                int more = first < 0xF0 ? 2 : 3;
                if (end - at < more)
                    return false;
                byte second = bytes[at];
                // No long forms, no halves of surrogate pairs, nothing beyond U+10FFFF.
                byte least = (byte)(first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80);
                byte most = (byte)(first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF);
                if (second < least || second > most)
                    return false;
                for (int next = 1; next < more; next++)
                {
                    if ((bytes[at + next] & 0xC0) != 0x80)
                        return false;
                }

                at += more;
            }
        }
    }
}
