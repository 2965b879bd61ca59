using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Rx.IotLink.Transport;

/// <summary>A connection over a socket of its own, with one buffer for what is received and none for what is sent: it is sent from where it lies.</summary>
internal sealed class SocketConnection(Socket socket) : IConnection
{
    public PipeReader Input { get; } = new Reader(socket);

    public PipeWriter Output { get; } = new Writer(socket);

    public EndPoint? RemoteEndPoint { get; } = socket.RemoteEndPoint;

    // A read or write that is under way fails with it, which ends its loop.
    public void Dispose() => socket.Dispose();

#pragma warning disable CA1001 // A source that no timer and no other source is behind holds nothing that must be released.
    private sealed class Reader(Socket socket) : PipeReader
    {
        private const int LeastBytes = 4_096;

        private readonly CancellationTokenSource cancelled = new();
        private byte[] buffer = [];
        private int begin;
        private int end;
        private bool examined = true;
        private bool ended;

        // Pooled builders, here and below: nothing is allocated, and they continue on the thread that completes them.
        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            if (examined && !ended)
            {
                MakeRoom();
                try
                {
                    var read = await socket.ReceiveAsync(buffer.AsMemory(end), SocketFlags.None, cancelled.Token).ConfigureAwait(false);
                    end += read;
                    ended = read == 0;
                }
                catch (SocketException broken)
                {
                    throw new IOException(broken.Message, broken);
                }
            }

            return Result();
        }

        public override bool TryRead(out ReadResult result)
        {
            result = Result();
            return !examined || ended;
        }

        public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
        {
            this.examined = examined.GetInteger() == end;
            begin = consumed.GetInteger();
            if (begin == end)
                begin = end = 0;
        }

        /// <summary>Ends the reading: it is not gone on with after this.</summary>
        public override void CancelPendingRead() => cancelled.Cancel();

        public override void Complete(Exception? exception = null)
        {
            if (buffer.Length > 0)
                ArrayPool<byte>.Shared.Return(buffer);
            (buffer, begin, end) = ([], 0, 0);
        }

        private ReadResult Result() => new(new ReadOnlySequence<byte>(buffer, begin, end - begin), isCanceled: false, isCompleted: ended);

        /// <summary>What is held moves to the beginning; a line that fills the whole buffer gets one of twice the size.</summary>
        private void MakeRoom()
        {
            if (end < buffer.Length && (begin == 0 || buffer.Length - end >= LeastBytes / 2))
                return;
            var held = buffer.AsSpan(begin, end - begin);
            if (held.Length > buffer.Length / 2 || buffer.Length == 0)
            {
                var larger = ArrayPool<byte>.Shared.Rent(Math.Max(LeastBytes, 2 * buffer.Length));
                held.CopyTo(larger);
                if (buffer.Length > 0)
                    ArrayPool<byte>.Shared.Return(buffer);
                buffer = larger;
            }
            else
            {
                held.CopyTo(buffer);
            }

            (begin, end) = (0, held.Length);
        }
    }
#pragma warning restore CA1001

    private sealed class Writer(Socket socket) : PipeWriter
    {
        private readonly ArrayBufferWriter<byte> unsent = new();

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        public override async ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
        {
            await FlushAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                while (!source.IsEmpty)
                    source = source[await socket.SendAsync(source, SocketFlags.None, cancellationToken).ConfigureAwait(false)..];
            }
            catch (SocketException broken)
            {
                throw new IOException(broken.Message, broken);
            }

            return default;
        }

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            if (unsent.WrittenCount == 0)
                return default;
            var all = unsent.WrittenMemory.ToArray();
            unsent.ResetWrittenCount();
            return WriteAsync(all, cancellationToken);
        }

        public override void Advance(int bytes) => unsent.Advance(bytes);

        public override Memory<byte> GetMemory(int sizeHint = 0) => unsent.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => unsent.GetSpan(sizeHint);

        public override void CancelPendingFlush() => throw new NotSupportedException("A send is not taken back.");

        public override async ValueTask CompleteAsync(Exception? exception = null) => await FlushAsync().ConfigureAwait(false);

        public override void Complete(Exception? exception = null)
        {
        }
    }
}
