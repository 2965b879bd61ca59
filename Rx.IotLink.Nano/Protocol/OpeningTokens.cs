namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>
    /// A server's line of the opening, taken apart where it lies: <c>IOTLINK/2</c>, a word, and <c>key=value</c>
    /// tokens. Unknown keys, and unused values, are ignored, so that later versions can add some.
    /// </summary>
    internal sealed class OpeningTokens
    {
        public const string Prefix = "IOTLINK/2";

        /// <summary>The longest line of an opening that is read, in bytes.</summary>
        public const int MaxBytes = 2048;

        // Not static: it is needed for the time of an opening.
        private readonly string[] keys = new string[] { "epoch", "tx", "peer", "rx", "seen", "window", "max", "timeout", "nonce", "mac", "code", "retry", "text" };

        private readonly int[] offsets;
        private readonly int[] lengths;
        private byte[] bytes;
        private int lineOffset;
        private int lineEnd;
        private int wordOffset;
        private int wordLength;

        public OpeningTokens()
        {
            offsets = new int[keys.Length];
            lengths = new int[keys.Length];
        }

        /// <summary>Takes a line apart. Null, or what is wrong with it.</summary>
        public string Parse(byte[] line, int offset, int count)
        {
            bytes = line;
            for (int key = 0; key < offsets.Length; key++)
                offsets[key] = -1;
            int end = offset + count;
            lineOffset = offset;
            lineEnd = end;
            int stop = TokenEnd(offset, end);
            if (!AsciiText.Same(line, offset, stop - offset, Prefix))
                return "the opening must begin with IOTLINK/2";
            int at = NextToken(stop, end);
            stop = TokenEnd(at, end);
            wordOffset = at;
            wordLength = IndexOfEqualSign(at, stop) < 0 ? stop - at : 0;
            if (wordLength > 0)
                at = NextToken(stop, end);
            if (HasTokenTwice(at, end))
                return "a token stands twice in the opening";
            for (; at < end; at = NextToken(stop, end))
            {
                stop = TokenEnd(at, end);
                int equalSign = IndexOfEqualSign(at, stop);
                if (equalSign <= at)
                    return "a token in the opening is not key=value";
                int key = KeyOf(at, equalSign - at);
                if (key < 0)
                    continue;
                offsets[key] = equalSign + 1;
                lengths[key] = stop - equalSign - 1;
            }

            return null;
        }

        public bool Is(string word)
        {
            return AsciiText.Same(bytes, wordOffset, wordLength, word);
        }

        public bool Has(string key)
        {
            return offsets[IndexOf(key)] >= 0;
        }

        /// <summary>Where a value begins; how long it is.</summary>
        public int Offset(string key)
        {
            return offsets[IndexOf(key)];
        }

        public int Length(string key)
        {
            return lengths[IndexOf(key)];
        }

        public bool TryEpoch(string key, out ulong epoch)
        {
            epoch = 0;
            int index = IndexOf(key);
            return offsets[index] >= 0 && AsciiText.TryHex(bytes, offsets[index], lengths[index], out epoch);
        }

        public bool TryNumber(string key, ulong least, ulong most, out ulong number)
        {
            number = 0;
            int index = IndexOf(key);
            return offsets[index] >= 0 && AsciiText.TryDecimal(bytes, offsets[index], lengths[index], least, most, out number);
        }

        /// <summary>A decimal number; a greater one, however great, counts as the greatest.</summary>
        public bool TryNumberUpTo(string key, ulong most, out ulong number)
        {
            number = 0;
            int index = IndexOf(key);
            return offsets[index] >= 0 && AsciiText.TryDecimalUpTo(bytes, offsets[index], lengths[index], most, out number);
        }

        /// <summary>Whether a value is so many hex digits.</summary>
        public bool IsHex(string key, int digits)
        {
            int index = IndexOf(key);
            return offsets[index] >= 0 && AsciiText.IsHex(bytes, offsets[index], lengths[index], digits);
        }

        /// <summary>Decodes a text in place, if there is one. False: it is badly encoded.</summary>
        public bool TryDecode(string key)
        {
            int index = IndexOf(key);
            if (offsets[index] < 0)
                return true;
            lengths[index] = Decode(offsets[index], offsets[index] + lengths[index]);
            return lengths[index] >= 0;
        }

        /// <summary>Adds the line as it stands, less the token of this key and the blank before it.</summary>
        public void AddLineWithout(string key, IMac mac)
        {
            int index = IndexOf(key);
            int tokenOffset = offsets[index] - key.Length - 2;
            int tokenEnd = offsets[index] + lengths[index];
            mac.Add(bytes, lineOffset, tokenOffset - lineOffset);
            mac.Add(bytes, tokenEnd, lineEnd - tokenEnd);
        }

        public bool TryBytes(string key, byte[] into)
        {
            int index = IndexOf(key);
            return offsets[index] >= 0 && AsciiText.TryBytes(bytes, offsets[index], lengths[index], into);
        }

        private int IndexOf(string key)
        {
            int index = 0;
            while (keys[index] != key)
                index++;
            return index;
        }

        private int KeyOf(int offset, int count)
        {
            for (int key = 0; key < keys.Length; key++)
            {
                if (AsciiText.Same(bytes, offset, count, keys[key]))
                    return key;
            }

            return -1;
        }

        private int NextToken(int at, int end)
        {
            while (at < end && bytes[at] == AsciiText.Blank)
                at++;
            return at;
        }

        private int TokenEnd(int at, int end)
        {
            while (at < end && bytes[at] != AsciiText.Blank)
                at++;
            return at;
        }

        private int IndexOfEqualSign(int at, int stop)
        {
            for (; at < stop; at++)
            {
                if (bytes[at] == AsciiText.EqualSign)
                    return at;
            }

            return -1;
        }

        private bool HasTokenTwice(int at, int end)
        {
            while (at < end)
            {
                int stop = TokenEnd(at, end);
                int length = IndexOfEqualSign(at, stop) - at;
                for (int other = NextToken(stop, end); length > 0 && other < end;)
                {
                    int otherStop = TokenEnd(other, end);
                    if (other + length < otherStop && bytes[other + length] == AsciiText.EqualSign && AsciiText.Same(bytes, at, length, other, length))
                        return true;
                    other = NextToken(otherStop, end);
                }

                at = NextToken(stop, end);
            }

            return false;
        }

        /// <summary>Decodes a value in place; gives its length, or -1.</summary>
        private int Decode(int start, int stop)
        {
            int to = start;
            for (int at = start; at < stop; at++)
            {
                byte value = bytes[at];
                if (value == AsciiText.Percent)
                {
                    int high = stop - at > 2 ? AsciiText.HexDigit(bytes[at + 1]) : -1;
                    int low = stop - at > 2 ? AsciiText.HexDigit(bytes[at + 2]) : -1;
                    if (high < 0 || low < 0)
                        return -1;
                    value = (byte)((high << 4) | low);
                    at += 2;
                }

                bytes[to++] = value;
            }

            return Utf8.IsValid(bytes, start, to - start) ? to - start : -1;
        }
    }
}
