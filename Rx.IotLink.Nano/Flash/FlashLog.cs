using System;
using System.IO;
using Rx.IotLink.Nano.Bridge;
using Rx.IotLink.Nano.Protocol;

namespace Rx.IotLink.Nano.Flash
{
    /// <summary>
    /// Batches of lines in two areas of flash (docs/esp32.md). A batch counts if its checksum is right, and if it names
    /// the checksum of the one before it: so neither half of a batch nor an older one is taken for one of these. The
    /// first batches of an area are a copy of all that is kept; until the last of them is there, the other area counts.
    /// </summary>
    internal sealed class FlashLog
    {
        /// <summary>What a batch has beside its lines, and beside two bytes for each.</summary>
        public const int Overhead = HeaderBytes + 4;

        private const int HeaderBytes = 60;
        private const byte Magic = 0x4B;
        private const byte Version = 0x10;
        private const byte Begins = 1;
        private const byte Completes = 2;
        private const byte HasPeer = 4;
        private const byte HasEpoch = 8;

        private readonly IFlash flash;
        private readonly int areaBytes;
        private readonly int owner;

        // Where the next batch goes; below 0, where only an area that begins anew is safe.
        private int position = -1;
        private int area;
        private int generation;
        private int checksum;
        private int writing;

        // The batch that is being made.
        private byte[] batch;
        private int length;

        // What was found.
        private int found = -1;
        private int linesBefore;

        public FlashLog(IFlash flash, int areaBytes, byte[] id)
        {
            this.flash = flash;
            this.areaBytes = areaBytes;
            owner = Crc32.Of(id, id.Length);
        }

        /// <summary>What was found of the session; null: nothing is kept.</summary>
        public KeptState Found { get; private set; }

        /// <summary>Whether there is something that is no log of this device, or one that is damaged.</summary>
        public bool IsForeign { get; private set; }

        /// <summary>The bytes of the lines that were found, and of the longest.</summary>
        public int FoundBytes { get; private set; }

        public int LongestFound { get; private set; }

        /// <summary>Looks for what was kept.</summary>
        public void Find()
        {
            byte[] buffer = new byte[2 * Overhead];
            int newest = 0;
            for (int which = 0; which < 2; which++)
            {
                try
                {
                    Scan(which, ref buffer, ref newest);
                }
                catch (OutOfMemoryException)
                {
                    throw;
                }
                catch (Exception)
                {
                    // Only wrong options end a start. The first write will say what is wrong with the flash.
                    IsForeign = true;
                }
            }

            generation = newest;
            area = found < 0 ? 1 : found;
            if (Found == null)
                return;
            IsForeign = false;
            Load(null);
        }

        /// <summary>Gives the lines that were found to the session, which is new. Gives how many it took.</summary>
        public int Load(Session session)
        {
            int recalled = 0;
            byte[] buffer = new byte[2 * Overhead];
            int at = 0;
            int before = 0;
            int ordinal = linesBefore - Found.Count;
            int skipped = 0;
            int size;
            while (skipped < linesBefore && (size = ReadBatch(found, at, before, ref buffer)) > 0)
            {
                for (int line = HeaderBytes; line < size - 4; line += 2 + Bytes.GetShort(buffer, line))
                {
                    int bytes = Bytes.GetShort(buffer, line);
                    if (skipped++ < ordinal)
                        continue;
                    if (session == null)
                        Measure(bytes);
                    else if (session.Recall(buffer, line + 2, bytes))
                        recalled++;
                    else
                        return recalled;
                }

                before = Bytes.GetInt(buffer, size - 4);
                at += size;
            }

            return recalled;
        }

        /// <summary>Nobody asks any more for what was found.</summary>
        public void Forget()
        {
            Found = null;
        }

        /// <summary>Whether the next batch must be the first of an area.</summary>
        public bool MustBegin
        {
            get { return position < 0; }
        }

        /// <summary>Begins a batch in this buffer.</summary>
        public void Begin(byte[] buffer)
        {
            batch = buffer;
            length = HeaderBytes;
        }

        /// <summary>Adds a line. False: it does not fit into the buffer.</summary>
        public bool Add(byte[] from, int offset, int count)
        {
            if (length + 2 + count + 4 > batch.Length)
                return false;
            Bytes.PutShort(batch, length, count);
            Array.Copy(from, offset, batch, length + 2, count);
            length += 2 + count;
            return true;
        }

        /// <summary>Ends the batch: what it says of the session.</summary>
        public void Seal(KeptState state)
        {
            batch[0] = Magic;
            Bytes.PutShort(batch, 2, length + 4);
            Bytes.PutInt(batch, 8, owner);
            PutLong(batch, 16, state.Epoch);
            PutLong(batch, 24, state.First);
            Bytes.PutShort(batch, 32, state.Numbered);
            Bytes.PutShort(batch, 34, state.Count);
            PutLong(batch, 36, state.PeerEpoch);
            PutLong(batch, 44, state.Accepted);
            PutLong(batch, 52, state.Connections);
            batch[1] = (byte)(Version | (state.KnowsPeer ? HasPeer : 0) | (state.HasEpoch ? HasEpoch : 0));
        }

        /// <summary>
        /// Writes the batch: as the first of the other area, or behind the one before. False: it does not fit there,
        /// and an area must be begun.
        /// </summary>
        /// <exception cref="IOException">It does not fit into an area at all. And what the flash throws.</exception>
        public bool Write(bool begins, bool completes)
        {
            if (begins)
            {
                // Not the same number twice: of an attempt that failed there may be batches.
                generation++;
                writing = 1 - area;
                position = checksum = 0;
            }

            if (position < 0)
                return false;
            if (position + length + 4 > areaBytes)
            {
                if (writing == area)
                    return false;
                position = -1;
                throw new IOException("what is to be kept is longer than an area of the flash");
            }

            batch[1] |= (byte)((begins ? Begins : 0) | (completes ? Completes : 0));
            Bytes.PutInt(batch, 4, generation);
            Bytes.PutInt(batch, 12, checksum);
            int sum = Crc32.Of(batch, length);
            Bytes.PutInt(batch, length, sum);
            int at = position;
            // Until it is there, nobody knows what is.
            position = -1;
            flash.Write(writing, at, batch, 0, length + 4);
            position = at + length + 4;
            checksum = sum;
            if (completes && writing != area)
            {
                area = writing;
                Retire();
            }

            return true;
        }

        /// <summary>If the new area is damaged later, the old one must not count again.</summary>
        private void Retire()
        {
            try
            {
                batch[0] = 0;
                flash.Write(1 - area, 0, batch, 0, 1);
            }
            catch (Exception)
            {
                // The newer one counts in any case, and the batch is there.
            }
        }

        private void Measure(int bytes)
        {
            FoundBytes += bytes == 0 ? 1 : bytes;
            if (bytes > LongestFound)
                LongestFound = bytes;
        }

        /// <summary>Reads an area; what it holds counts if it is complete, and newer than what was found.</summary>
        private void Scan(int which, ref byte[] buffer, ref int newest)
        {
            int at = 0;
            int before = 0;
            int first = 0;
            int lines = 0;
            bool isComplete = false;
            KeptState state = null;
            int size;
            while ((size = ReadBatch(which, at, before, ref buffer)) > 0)
            {
                bool begins = (buffer[1] & Begins) != 0;
                if (begins != (at == 0) || (at > 0 && Bytes.GetInt(buffer, 4) != first))
                    break;
                first = Bytes.GetInt(buffer, 4);
                int count = 0;
                int line = HeaderBytes;
                for (; line < size - 4; line += 2 + Bytes.GetShort(buffer, line))
                    count++;
                int held = Bytes.GetShort(buffer, 34);
                if (line != size - 4 || held > (state == null ? 0 : state.Count) + count || Bytes.GetShort(buffer, 32) > held)
                    break;
                lines += count;
                state = StateOf(buffer);
                if ((buffer[1] & Completes) != 0)
                    isComplete = true;
                before = Bytes.GetInt(buffer, size - 4);
                at += size;
            }

            if (state == null)
                return;
            if (first - newest > 0)
                newest = first;
            if (!isComplete || (found >= 0 && first - generation < 0))
                return;
            found = which;
            generation = first;
            linesBefore = lines;
            Found = state;
        }

        /// <summary>Reads the batch at this place, and gives its length; 0: there is none.</summary>
        private int ReadBatch(int which, int at, int before, ref byte[] buffer)
        {
            int there = ReadFully(which, at, buffer, HeaderBytes);
            if (at == 0 && there > 0 && buffer[0] != 0 && buffer[0] != 0xFF)
                IsForeign = true;
            if (there < HeaderBytes || buffer[0] != Magic || (buffer[1] & 0xF0) != Version)
                return 0;
            int size = Bytes.GetShort(buffer, 2);
            if (size < Overhead || Bytes.GetInt(buffer, 8) != owner || Bytes.GetInt(buffer, 12) != before)
                return 0;
            if (size > buffer.Length)
                buffer = new byte[size];
            if (ReadFully(which, at, buffer, size) < size || Crc32.Of(buffer, size - 4) != Bytes.GetInt(buffer, size - 4))
                return 0;
            return size;
        }

        private int ReadFully(int which, int at, byte[] buffer, int count)
        {
            int there = 0;
            while (there < count)
            {
                int more = flash.Read(which, at + there, buffer, there, count - there);
                if (more <= 0)
                    break;
                there += more;
            }

            return there;
        }

        private static KeptState StateOf(byte[] buffer)
        {
            return new KeptState
            {
                HasEpoch = (buffer[1] & HasEpoch) != 0,
                Epoch = GetLong(buffer, 16),
                First = GetLong(buffer, 24),
                Numbered = Bytes.GetShort(buffer, 32),
                Count = Bytes.GetShort(buffer, 34),
                KnowsPeer = (buffer[1] & HasPeer) != 0,
                PeerEpoch = GetLong(buffer, 36),
                Accepted = GetLong(buffer, 44),
                Connections = GetLong(buffer, 52),
            };
        }

        private static void PutLong(byte[] bytes, int at, ulong value)
        {
            Bytes.PutInt(bytes, at, (int)(uint)(value >> 32));
            Bytes.PutInt(bytes, at + 4, (int)(uint)value);
        }

        private static ulong GetLong(byte[] bytes, int at)
        {
            return ((ulong)(uint)Bytes.GetInt(bytes, at) << 32) | (uint)Bytes.GetInt(bytes, at + 4);
        }
    }
}
