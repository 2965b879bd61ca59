using System;

namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>
    /// Lines in one fixed buffer, oldest first: bounded in number and in bytes, and never a byte allocated after the
    /// start. In a ring for lines that go out each lies in one piece, and what does not fit at the end of the buffer
    /// goes to its beginning. In an inbox a line may lie in two pieces, so that as many lines fit as their lengths say.
    /// Nothing is changed before all calls have returned: where there is no memory for a call, the ring is as it was.
    /// </summary>
    internal sealed class LineRing
    {
        /// <summary>How many lines were taken from the front; it may wrap.</summary>
        public int Removed;

        private readonly byte[] bytes;
        private readonly ushort[] starts;
        private readonly ushort[] lengths;
        private readonly int[] marks;
        private int head;
        private int count;
        private int end;
        private int used;

        /// <summary>At most 65,536 bytes. Only an inbox has marks.</summary>
        public LineRing(int maxLines, int maxBytes, bool isInbox)
        {
            bytes = new byte[maxBytes];
            starts = new ushort[maxLines];
            lengths = new ushort[maxLines];
            if (isInbox)
                marks = new int[maxLines];
        }

        public byte[] Bytes
        {
            get { return bytes; }
        }

        public int Count
        {
            get { return count; }
        }

        /// <summary>How many more lines, and bytes, an inbox takes.</summary>
        public int FreeLines
        {
            get { return starts.Length - count; }
        }

        public int FreeBytes
        {
            get { return bytes.Length - used; }
        }

        /// <summary>Where a line begins in <see cref="Bytes"/>; 0 is the oldest.</summary>
        public int Start(int index)
        {
            return starts[Slot(index)];
        }

        public int Length(int index)
        {
            return lengths[Slot(index)];
        }

        /// <summary>A number that the owner keeps with a line.</summary>
        public int Mark(int index)
        {
            return marks[Slot(index)];
        }

        /// <summary>Appends a copy of a line. False: there is no room.</summary>
        public bool TryAdd(byte[] from, int offset, int length, int mark)
        {
            int place = Place(length);
            if (place < 0)
                return false;
            int taken = Taken(length);
            int slot = Slot(count);
            int before = bytes.Length - place;
            if (before >= length)
                before = length;
            Array.Copy(from, offset, bytes, place, before);
            if (before < length)
                Array.Copy(from, offset + before, bytes, 0, length - before);
            starts[slot] = (ushort)place;
            lengths[slot] = (ushort)length;
            if (marks != null)
                marks[slot] = mark;
            end = place + taken;
            if (end > bytes.Length)
                end -= bytes.Length;
            used += taken;
            count++;
            return true;
        }

        public void RemoveFirst()
        {
            Removed++;
            used -= lengths[head] == 0 ? 1 : lengths[head];
            head = head + 1 == starts.Length ? 0 : head + 1;
            count--;
            if (count == 0)
                end = 0;
        }

        /// <summary>The oldest line, in one piece: in the ring, or copied from it.</summary>
        public byte[] Oldest(out int start)
        {
            start = starts[head];
            int length = lengths[head];
            int before = bytes.Length - start;
            if (before >= length)
                return bytes;
            byte[] whole = new byte[length];
            Array.Copy(bytes, start, whole, 0, before);
            Array.Copy(bytes, 0, whole, before, length - before);
            start = 0;
            return whole;
        }

        /// <summary>
        /// Takes a line that is to go out from the middle. Its bytes come back when the lines before it are gone.
        /// </summary>
        public void RemoveAt(int index)
        {
            // Without a call, which may find no memory half-way: a line would be there twice.
            int to = head + index < starts.Length ? head + index : head + index - starts.Length;
            while (to != head)
            {
                int from = to == 0 ? starts.Length - 1 : to - 1;
                starts[to] = starts[from];
                lengths[to] = lengths[from];
                to = from;
            }

            head = head + 1 == starts.Length ? 0 : head + 1;
            count--;
            if (count == 0)
                end = 0;
        }

        public void Clear()
        {
            count = 0;
            end = used = 0;
        }

        /// <summary>Where a line of this length would go, or -1.</summary>
        private int Place(int length)
        {
            if (count == starts.Length)
                return -1;
            int taken = Taken(length);
            if (count == 0)
                return taken <= bytes.Length ? 0 : -1;
            if (marks != null)
                return taken > bytes.Length - used ? -1 : end == bytes.Length ? 0 : end;
            int first = starts[head];
            if (end <= first)
                return taken <= first - end ? end : -1;
            if (taken <= bytes.Length - end)
                return end;
            return taken <= first ? 0 : -1;
        }

        // An empty line takes a byte too, so that a full buffer differs from an empty one.
        private static int Taken(int length)
        {
            return length == 0 ? 1 : length;
        }

        private int Slot(int index)
        {
            int slot = head + index;
            return slot >= starts.Length ? slot - starts.Length : slot;
        }
    }
}
