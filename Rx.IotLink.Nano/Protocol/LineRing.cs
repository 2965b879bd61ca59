using System;

namespace Rx.IotLink.Nano.Protocol
{
    /// <summary>
    /// Lines in one fixed buffer, oldest first: bounded in number and in bytes, and never a byte allocated after the
    /// start. Each line lies in one piece, since a text can only be made of such; what does not fit at the end of the
    /// buffer goes to its beginning.
    /// </summary>
    internal sealed class LineRing
    {
        private readonly byte[] bytes;
        private readonly ushort[] starts;
        private readonly ushort[] lengths;
        private readonly int[] marks;
        private int head;
        private int count;
        private int end;

        /// <summary>At most 65,536 bytes; with a mark for each line, or without.</summary>
        public LineRing(int maxLines, int maxBytes, bool hasMarks)
        {
            bytes = new byte[maxBytes];
            starts = new ushort[maxLines];
            lengths = new ushort[maxLines];
            if (hasMarks)
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

        public void SetMark(int index, int mark)
        {
            marks[Slot(index)] = mark;
        }

        /// <summary>Whether a line of this length can ever be held.</summary>
        public bool CouldHold(int length)
        {
            return length <= bytes.Length;
        }

        public bool HasRoom(int length)
        {
            return Place(length) >= 0;
        }

        /// <summary>Appends a copy of a line. False: there is no room.</summary>
        public bool TryAdd(byte[] from, int offset, int length, int mark)
        {
            int place = Place(length);
            if (place < 0)
                return false;
            Array.Copy(from, offset, bytes, place, length);
            int slot = Slot(count);
            starts[slot] = (ushort)place;
            lengths[slot] = (ushort)length;
            if (marks != null)
                marks[slot] = mark;
            end = place + Taken(length);
            count++;
            return true;
        }

        public void RemoveFirst()
        {
            head = Slot(1);
            count--;
            if (count == 0)
                end = 0;
        }

        /// <summary>Takes a line out of the middle. Its bytes come back when the lines before it are gone.</summary>
        public void RemoveAt(int index)
        {
            for (int at = index; at > 0; at--)
            {
                int to = Slot(at);
                int from = Slot(at - 1);
                starts[to] = starts[from];
                lengths[to] = lengths[from];
                if (marks != null)
                    marks[to] = marks[from];
            }

            RemoveFirst();
        }

        public void Clear()
        {
            count = 0;
            end = 0;
        }

        /// <summary>Where a line of this length would go, or -1.</summary>
        private int Place(int length)
        {
            if (count == starts.Length)
                return -1;
            int taken = Taken(length);
            if (count == 0)
                return taken <= bytes.Length ? 0 : -1;
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
