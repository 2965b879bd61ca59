using System;

namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>
    /// Numbered frames until the other end has acknowledged them (go-back-N). Data is sent only as far as the other end
    /// gives credit; other frames need none, and there are few of them.
    /// </summary>
    internal sealed class SendWindow
    {
        /// <summary>The most frames that are not data.</summary>
        public const int MaxControls = 3;

        private readonly byte[][] payloads;
        private readonly byte[] types;
        private readonly int[] lengths;
        private readonly int mostData;
        private readonly int repeatMs;
        private int first;
        private int count;
        private int data;
        private byte firstNumber;
        private int sent;
        private int tried;
        private int credit;
        private long repeatAt;
        private long progressAt;

        public SendWindow(int mostData, int repeatMs)
        {
            this.mostData = mostData;
            this.repeatMs = repeatMs;
            int slots = mostData + MaxControls;
            payloads = new byte[slots][];
            for (int at = 0; at < slots; at++)
                payloads[at] = new byte[Frame.MaxPayload];
            types = new byte[slots];
            lengths = new int[slots];
        }

        /// <summary>How many frames were sent again.</summary>
        public int Repeated { get; private set; }

        /// <summary>Whether there is room for a frame that is not data.</summary>
        public bool TakesControl
        {
            get { return count - data < MaxControls; }
        }

        public bool IsEmpty
        {
            get { return count == 0; }
        }

        /// <summary>Begins a session in which the other end takes so many frames of data at first.</summary>
        public void Clear(int credit)
        {
            this.credit = credit;
            first = 0;
            count = 0;
            data = 0;
            firstNumber = 0;
            sent = 0;
            tried = 0;
        }

        /// <summary>
        /// Adds a frame that is not data, and gives the buffer of its payload; there must be room for it.
        /// </summary>
        public byte[] Add(int type, int length)
        {
            int slot = (first + count) % types.Length;
            count++;
            types[slot] = (byte)type;
            lengths[slot] = length;
            return payloads[slot];
        }

        /// <summary>Adds data of a connection, as much as there is room for; gives how much.</summary>
        public int Write(byte connection, byte[] bytes, int offset, int length)
        {
            int written = 0;
            if (count > tried)
            {
                int last = (first + count - 1) % types.Length;
                if (types[last] == Frame.Data && payloads[last][0] == connection)
                    written = Append(last, bytes, offset, length);
            }

            while (written < length && data < mostData)
            {
                int slot = (first + count) % types.Length;
                Add(Frame.Data, 1)[0] = connection;
                data++;
                written += Append(slot, bytes, offset + written, length - written);
            }

            return written;
        }

        /// <summary>
        /// Drops what was never sent. What was sent keeps its number, since it may have arrived.
        /// </summary>
        public void DropUnsent()
        {
            for (; count > tried; count--)
            {
                if (types[(first + count - 1) % types.Length] == Frame.Data)
                    data--;
            }
        }

        /// <summary>
        /// The other end has all frames before this number, and takes so many frames of data from there on.
        /// </summary>
        public void Acknowledge(byte number, int credit, long now)
        {
            int done = (byte)(number - firstNumber);
            // Beyond what was sent: not from an end that speaks this protocol.
            if (done > tried)
                return;
            this.credit = credit;
            if (done == 0)
                return;
            for (int at = 0; at < done; at++)
            {
                if (types[(first + at) % types.Length] == Frame.Data)
                    data--;
            }

            first = (first + done) % types.Length;
            count -= done;
            tried -= done;
            sent = sent > done ? sent - done : 0;
            firstNumber = number;
            repeatAt = now + repeatMs;
            progressAt = now;
        }

        /// <summary>Whether a frame is to be sent now. When it is time, all are sent again.</summary>
        public bool HasNext(long now)
        {
            if (sent > 0 && now >= repeatAt)
                sent = 0;
            return IsNextReady;
        }

        /// <summary>
        /// Copies the next frame into a body, but for session, acknowledgement and credit; gives the length of its
        /// payload.
        /// </summary>
        public int TakeNext(byte[] body, byte direction, long now)
        {
            int slot = (first + sent) % types.Length;
            body[0] = (byte)(types[slot] | direction);
            body[5] = (byte)(firstNumber + sent);
            Array.Copy(payloads[slot], 0, body, Frame.Header, lengths[slot]);
            if (sent == 0)
                repeatAt = now + repeatMs;
            if (tried == 0)
                progressAt = now;
            if (sent < tried)
                Repeated++;
            else
                tried++;
            sent++;
            return lengths[slot];
        }

        /// <summary>Milliseconds until something is to be done, at most so many.</summary>
        public int NextIn(long now, int most)
        {
            if (IsNextReady)
                return 0;
            if (sent == 0)
                return most;
            long left = repeatAt - now;
            return left <= 0 ? 0 : left < most ? (int)left : most;
        }

        /// <summary>Whether what was sent is not acknowledged for so long, however often it was repeated.</summary>
        public bool IsStuck(long now, int patienceMs)
        {
            return tried > 0 && now - progressAt >= patienceMs;
        }

        private bool IsNextReady
        {
            get { return sent < count && (sent < credit || types[(first + sent) % types.Length] != Frame.Data); }
        }

        private int Append(int slot, byte[] bytes, int offset, int length)
        {
            int room = Frame.MaxPayload - lengths[slot];
            if (length > room)
                length = room;
            Array.Copy(bytes, offset, payloads[slot], lengths[slot], length);
            lengths[slot] += length;
            return length;
        }
    }
}
