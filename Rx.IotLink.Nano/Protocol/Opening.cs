using System;

namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>What the client says to be let in: its first line, and where it has a key, its proof.</summary>
    internal sealed class Opening
    {
        private const int NonceBytes = 16;
        private const int MacBytes = 32;

        private readonly SessionSettings settings;
        private readonly IMac given;
        private readonly IRandomSource random;

        // Of one connection, and only until lines flow.
        private IMac mac;
        private byte[] nonce;
        private byte[] line;
        private byte[] serverMac;
        private byte[] computed;
        private int lineLength;
        private ulong connections;

        // The bit of the nonce that chooses among two keys of the server: the one that was good, or the other one.
        private int side = -1;

        public Opening(SessionSettings settings, IMac mac, IRandomSource random)
        {
            this.settings = settings;
            given = mac;
            this.random = random;
        }

        /// <summary>Lines flow, or the connection has ended.</summary>
        public void Forget()
        {
            mac = null;
            nonce = line = serverMac = computed = null;
        }

        /// <summary>The most bytes of a first line: three for each of the id's, the rest for numbers.</summary>
        public static int Longest(SessionSettings settings)
        {
            return (3 * settings.Id.Length) + 256;
        }

        /// <summary>How many connections there were.</summary>
        public ulong Connections
        {
            get { return connections; }
        }

        /// <summary>Goes on counting connections where a kept memory ends.</summary>
        public void Restore(ulong lastConnection)
        {
            connections = lastConnection;
        }

        public void Say(Output output, ulong epoch, ulong tx, Receiver memory)
        {
            connections++;
            int start = output.Length;
            output.Word("IOTLINK/2 id=");
            SayId(output);
            output.Word(" conn=");
            output.Decimal(connections);
            output.Word(" epoch=");
            output.Hex(epoch);
            output.Word(" tx=");
            output.Decimal(tx);
            if (memory.KnowsPeer)
            {
                output.Word(" peer=");
                output.Hex(memory.PeerEpoch);
                output.Word(" rx=");
                output.Decimal(memory.Accepted);
            }

            if (memory.LinesWait)
            {
                output.Word(" seen=");
                output.Decimal(memory.Arrived);
            }

            output.Word(" window=");
            output.Decimal((ulong)(uint)settings.Window);
            output.Word(" max=");
            output.Decimal((ulong)(uint)settings.MaxLineBytes);
            if (settings.Key != null)
            {
                mac = given != null ? given : new HmacSha256();
                nonce = new byte[NonceBytes];
                serverMac = new byte[MacBytes];
                computed = new byte[MacBytes];
                random.Fill(nonce);
                if (side >= 0)
                    nonce[NonceBytes - 1] = (byte)((nonce[NonceBytes - 1] & 0xfe) | side);
                output.Word(" auth=hmac-sha256 nonce=");
                output.Hex(nonce);
                lineLength = output.Length - start;
                line = new byte[lineLength];
                Array.Copy(output.Bytes, start, line, 0, lineLength);
            }

            output.Byte(AsciiText.LineFeed);
        }

        /// <summary>Whether the server's challenge is well formed.</summary>
        public bool IsChallenge(OpeningTokens challenge)
        {
            // The nonce is in the line, over which the macs are made as it stands.
            return challenge.IsHex("nonce", 2 * NonceBytes) && challenge.TryBytes("mac", serverMac);
        }

        /// <summary>
        /// Whether the server has proved that it knows this device's key. If so, this end's proof is ready to be said.
        /// </summary>
        public bool ServerIsProven(OpeningTokens challenge)
        {
            Compute("iotlink/2 server\n", challenge);
            int difference = 0;
            // Every byte is compared, so that the time does not show where the difference is.
            for (int at = 0; at < MacBytes; at++)
                difference |= computed[at] ^ serverMac[at];
            int said = nonce[NonceBytes - 1] & 1;
            side = difference == 0 ? said : 1 - said;
            if (difference != 0)
                return false;
            // Now, since the server's line will not be there any more.
            Compute("iotlink/2 client\n", challenge);
            return true;
        }

        public void SayProof(Output output)
        {
            output.Word("IOTLINK/2 proof mac=");
            output.Hex(computed);
            output.Byte(AsciiText.LineFeed);
        }

        private void Compute(string label, OpeningTokens challenge)
        {
            // It is said once a connection, and its memory is free again at once.
            Output text = new Output(32);
            mac.Begin(settings.Key);
            text.Word(label);
            mac.Add(text.Bytes, 0, text.Length);
            text.Clear();
            text.Byte(AsciiText.LineFeed);
            mac.Add(line, 0, lineLength);
            mac.Add(text.Bytes, 0, text.Length);
            challenge.AddLineWithout("mac", mac);
            mac.Add(text.Bytes, 0, text.Length);
            mac.End(computed);
        }

        private void SayId(Output output)
        {
            for (int at = 0; at < settings.Id.Length; at++)
            {
                byte value = settings.Id[at];
                bool plain = (value >= 'A' && value <= 'Z') || (value >= 'a' && value <= 'z') || (value >= '0' && value <= '9')
                    || value == '-' || value == '.' || value == '_' || value == '~';
                if (plain)
                {
                    output.Byte(value);
                    continue;
                }

                output.Byte(AsciiText.Percent);
                output.Byte(Upper(value >> 4));
                output.Byte(Upper(value & 15));
            }
        }

        private static byte Upper(int value)
        {
            return (byte)(value < 10 ? '0' + value : 'A' + value - 10);
        }
    }
}
