using System.IO.Pipelines;
using System.Net;
using System.Net.Security;

namespace Rx.IotLink.Transport;

/// <summary>A connection over any stream, which it owns.</summary>
internal class StreamConnection(Stream stream, EndPoint? remote) : IConnection
{
    /// <summary>While nothing is unread it holds no buffer, if the stream can wait without one.</summary>
    public PipeReader Input { get; } = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true, useZeroByteReads: true));

    public virtual PipeWriter Output { get; } = PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));

    public EndPoint? RemoteEndPoint { get; } = remote;

    // A read or write in progress then fails, which ends its loop.
    public void Dispose() => stream.Dispose();
}

/// <summary>TLS over a socket: it ends as its socket does, after TLS's own farewell.</summary>
internal sealed class TlsConnection(SslStream tls, SocketConnection below) : StreamConnection(tls, below.RemoteEndPoint), ILingeringConnection, ISocketBelow
{
    private EndingWriter? output;

    public override PipeWriter Output => output ??= new(base.Output, EndAsync);

    public Task Closed => below.Closed;

    public bool HasSocketBelow => true;

    private async Task EndAsync()
    {
        try
        {
            await tls.ShutdownAsync().ConfigureAwait(false);
        }
        finally
        {
            await below.Output.CompleteAsync().ConfigureAwait(false);
        }
    }

    /// <summary>A writer of a stream that also ends the output.</summary>
    private sealed class EndingWriter(PipeWriter writer, Func<Task> end) : PipeWriter
    {
        public override bool CanGetUnflushedBytes => writer.CanGetUnflushedBytes;

        public override long UnflushedBytes => writer.UnflushedBytes;

        public override void Advance(int bytes) => writer.Advance(bytes);

        public override Memory<byte> GetMemory(int sizeHint = 0) => writer.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => writer.GetSpan(sizeHint);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => writer.FlushAsync(cancellationToken);

        public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default) => writer.WriteAsync(source, cancellationToken);

        public override void CancelPendingFlush() => writer.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => writer.Complete(exception);

        public override async ValueTask CompleteAsync(Exception? exception = null)
        {
            await writer.CompleteAsync(exception).ConfigureAwait(false);
            await end().ConfigureAwait(false);
        }
    }
}
