using System;
using System.Threading;

namespace Rx.IotLink.Nano.Bridge
{
    /// <summary>
    /// Moves bytes between a channel and an end of the wire, in two threads. All of the end's state is under
    /// <see cref="Gate"/>, where nothing of others is called.
    /// </summary>
    internal sealed class NanoWire
    {
        private const int ChunkBytes = 64;
        private const int ReadWaitMs = 100;
        private const int RestMs = 1000;

        private readonly FrameEnd end;
        private readonly INanoChannel channel;
        private readonly AutoResetEvent work = new AutoResetEvent(false);
        private readonly byte[] frame = new byte[Frame.MaxEncoded];
        private readonly byte[] chunk = new byte[ChunkBytes];
        private bool stopped;

        public NanoWire(FrameEnd end, INanoChannel channel)
        {
            this.end = end;
            this.channel = channel;
            Gate = new object();
            Changed = new AutoResetEvent(false);
        }

        /// <summary>The lock of the end.</summary>
        public object Gate { get; }

        /// <summary>Set after each change of the end.</summary>
        public AutoResetEvent Changed { get; }

        public static long Now
        {
            get { return LinkCore.Now; }
        }

        public void Start()
        {
            new Thread(Read).Start();
            new Thread(Write).Start();
        }

        /// <summary>The end may have something to send.</summary>
        public void Poke()
        {
            work.Set();
        }

        /// <summary>The threads end soon. The channel is its owner's.</summary>
        public void Stop()
        {
            stopped = true;
            work.Set();
            Changed.Set();
        }

        private void Read()
        {
            while (!stopped)
            {
                try
                {
                    int count = channel.Read(chunk, 0, ChunkBytes, ReadWaitMs);
                    lock (Gate)
                    {
                        if (count > 0)
                            end.Receive(chunk, 0, count, Now);
                        else
                            end.Elapse(Now);
                    }

                    if (count > 0)
                        work.Set();
                    Changed.Set();
                }
                catch (Exception)
                {
                    Lost();
                }
            }
        }

        private void Write()
        {
            while (!stopped)
            {
                try
                {
                    int made;
                    int pause;
                    lock (Gate)
                    {
                        made = end.Fill(frame, Now);
                        pause = made > 0 ? 0 : end.NextIn(Now);
                    }

                    Changed.Set();
                    if (made > 0)
                        channel.Write(frame, 0, made);
                    else
                        work.WaitOne(pause, false);
                }
                catch (Exception)
                {
                    Lost();
                }
            }
        }

        private void Lost()
        {
            try
            {
                lock (Gate)
                {
                    end.WireLost("the wire is gone", Now);
                }

                Changed.Set();
                work.WaitOne(RestMs, false);
            }
            catch (Exception)
            {
                // There is no memory even for that: the loop tries again.
            }
        }
    }
}
