using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using Rx.IotLink.Transport;

namespace Fuzz.Targets;

/// <summary>A connection in memory: all happens at once, on the one thread there is.</summary>
internal sealed class MemoryConnection : IConnection
{
    private static readonly PipeOptions Inline = new(
        readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, resumeWriterThreshold: 0, useSynchronizationContext: false);

    private readonly Pipe toEnd = new(Inline);
    private readonly Pipe fromEnd = new(Inline);
    private readonly Action<ReadOnlySequence<byte>> said;
    private bool ended;

    public MemoryConnection(EndPoint? remote, Action<ReadOnlySequence<byte>> said)
    {
        (RemoteEndPoint, this.said) = (remote, said);
        _ = ListenAsync();
    }

    public EndPoint? RemoteEndPoint { get; }

    public PipeReader Input => toEnd.Reader;

    public PipeWriter Output => fromEnd.Writer;

    /// <summary>Whether the end has ended its direction, or released the connection.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Bytes arrive.</summary>
    public void Give(ReadOnlySpan<byte> bytes)
    {
        if (ended || IsOver)
            return;
        toEnd.Writer.Write(bytes);
        _ = toEnd.Writer.FlushAsync().AsTask();
    }

    /// <summary>The attacker breaks it.</summary>
    public void Break()
    {
        if (ended)
            return;
        ended = true;
        toEnd.Writer.Complete(new IOException(Broken));
    }

    public const string Broken = "broken by the attacker";

    public void Dispose()
    {
        IsOver = true;
        toEnd.Reader.CancelPendingRead();
        fromEnd.Writer.Complete();
    }

    private async Task ListenAsync()
    {
        while (!IsOver)
        {
            var read = await fromEnd.Reader.ReadAsync().ConfigureAwait(false);
            said(read.Buffer);
            fromEnd.Reader.AdvanceTo(read.Buffer.End);
            IsOver |= read.IsCompleted;
        }
    }
}
