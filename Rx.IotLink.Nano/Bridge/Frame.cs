namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>
    /// The form of a frame between host and bridge (docs/bridge-protocol.md): a zero, the body in COBS, a zero. The
    /// body is type, session, number, acknowledgement, credit, payload and CRC-32.
    /// </summary>
    internal static class Frame
    {
        /// <summary>The version of this protocol.</summary>
        public const int Version = 1;

        /// <summary>The longest payload.</summary>
        public const int MaxPayload = 112;

        /// <summary>Type, session, number, acknowledgement, credit.</summary>
        public const int Header = 8;

        /// <summary>The CRC at the end of the body.</summary>
        public const int Trailer = 4;

        /// <summary>The longest body.</summary>
        public const int MaxBody = Header + MaxPayload + Trailer;

        /// <summary>The longest frame: COBS adds one byte, and there is a zero on each side.</summary>
        public const int MaxEncoded = MaxBody + 3;

        // In both directions; the bridge adds FromBridge. So an echo of the own frames is recognized.
        public const byte Ack = 3;
        public const byte Open = 4;
        public const byte Close = 5;
        public const byte End = 6;
        public const byte Data = 7;

        // From the host alone.
        public const byte Hello = 1;
        public const byte Reset = 2;

        // From the bridge alone, with FromBridge.
        public const byte Welcome = 1;
        public const byte Awake = 2;
        public const byte Status = 8;
        public const byte Report = 9;
        public const byte Bad = 10;

        /// <summary>The bit of a frame that the bridge sends.</summary>
        public const byte FromBridge = 0x80;

        /// <summary>Whether frames of this type are numbered, repeated and kept in order.</summary>
        public static bool IsNumbered(int type)
        {
            return type >= Open && type <= Data;
        }

        /// <summary>
        /// Completes a body whose header and payload are there, and encodes it. Gives the length of the frame, zeros
        /// included; <paramref name="output"/> must have room for <see cref="MaxEncoded"/>.
        /// </summary>
        public static int Encode(byte[] body, int payload, byte[] output)
        {
            int count = Header + payload;
            Bytes.PutInt(body, count, Crc32.Of(body, count));
            count += Trailer;
            output[0] = 0;
            // COBS of less than 254 bytes: a code says how far it is to the next zero.
            int code = 1;
            int to = 2;
            for (int at = 0; at < count; at++)
            {
                if (body[at] != 0)
                {
                    output[to++] = body[at];
                    continue;
                }

                output[code] = (byte)(to - code);
                code = to++;
            }

            output[code] = (byte)(to - code);
            output[to++] = 0;
            return to;
        }
    }
}
