namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>
    /// Finds frames in whatever bytes come. Nothing that comes makes it throw, and from the next zero on it is as good
    /// as new.
    /// </summary>
    internal sealed class FrameReader
    {
        private int next;
        private int left;
        private bool zeroFollows;
        private bool isBad;

        /// <summary>The body of the last frame.</summary>
        public byte[] Body { get; } = new byte[Frame.MaxBody];

        /// <summary>The length of its payload.</summary>
        public int Payload { get; private set; }

        /// <summary>How many pieces between zeros were no frames: noise, or another program's text.</summary>
        public int BadFrames { get; private set; }

        /// <summary>Takes a byte; true: it completes a good frame.</summary>
        public bool Take(byte value)
        {
            if (value == 0)
                return Finish();
            if (isBad)
                return false;
            if (left == 0)
            {
                // A code. It stands for the zero before it, but for the first of a frame.
                if (zeroFollows && !Add(0))
                    return false;
                left = value - 1;
                zeroFollows = true;
                // 255 is the code without a zero, of blocks that are longer than any frame.
                isBad = value == 255;
                return false;
            }

            left--;
            Add(value);
            return false;
        }

        /// <summary>Forgets what came of a frame that was not complete.</summary>
        public void Clear()
        {
            next = 0;
            left = 0;
            zeroFollows = false;
            isBad = false;
        }

        private bool Add(byte value)
        {
            if (next == Frame.MaxBody)
            {
                isBad = true;
                return false;
            }

            Body[next++] = value;
            return true;
        }

        private bool Finish()
        {
            bool isEmpty = !zeroFollows && !isBad;
            bool isGood = !isBad && left == 0 && next >= Frame.Header + Frame.Trailer;
            int count = next - Frame.Trailer;
            Clear();
            if (isEmpty)
                return false;
            if (isGood && Bytes.GetInt(Body, count) == Crc32.Of(Body, count))
            {
                Payload = count - Frame.Header;
                return true;
            }

            BadFrames++;
            return false;
        }
    }
}
