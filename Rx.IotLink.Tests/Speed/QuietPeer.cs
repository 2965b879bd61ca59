using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Speed;

/// <summary>
/// A connection in memory whose other end says prepared bytes and counts what it hears. It allocates nothing once it is
/// warm, and all happens on the caller's thread.
/// </summary>
internal sealed class QuietPeer : IConnection
{
    private readonly Pipe toLink = new(Inline);
    private readonly Pipe fromLink = new(Inline);

    public QuietPeer()
    {
#pragma warning disable CA2012 // It ends with the pipe, and nobody waits for that.
        _ = ListenAsync();
#pragma warning restore CA2012
    }

    public long BytesHeard { get; private set; }

    PipeReader IDuplexPipe.Input => toLink.Reader;

    PipeWriter IDuplexPipe.Output => fromLink.Writer;

    EndPoint? IConnection.RemoteEndPoint => null;

    public void Say(ReadOnlySpan<byte> bytes)
    {
        toLink.Writer.Write(bytes);
        var flush = toLink.Writer.FlushAsync();
        if (!flush.IsCompletedSuccessfully)
            throw new InvalidOperationException("The link did not read.");
    }

    public void Dispose()
    {
        toLink.Reader.CancelPendingRead();
        fromLink.Writer.Complete();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ListenAsync()
    {
        while (true)
        {
            var read = await fromLink.Reader.ReadAsync().ConfigureAwait(false);
            BytesHeard += read.Buffer.Length;
            fromLink.Reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
                return;
        }
    }

    private static PipeOptions Inline { get; } = new(
        readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, minimumSegmentSize: 65_536, useSynchronizationContext: false);
}
