using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Protocol.Linking;

/// <summary>
/// A connection in memory whose other end is played by a test: everything happens at once, on the thread that causes
/// it.
/// </summary>
internal sealed class ScriptedPeer : IConnection
{
    private readonly Func<long> clock;
    private readonly Pipe toLink = new(Inline(pauseAt: 0));
    private readonly Pipe fromLink;
    private readonly List<(long Tick, string Packet)> heard = [];
    private bool deaf;

    /// <summary>Makes a peer; one that does not read lets the link's first send wait for ever.</summary>
    public ScriptedPeer(Func<long> clock, bool reads = true)
    {
        this.clock = clock;
        fromLink = new Pipe(Inline(pauseAt: reads ? 0 : 1));
        deaf = !reads;
        _ = ListenAsync();
    }

    /// <summary>Everything the link sent so far: what it gave to the connection at a time, and when.</summary>
    public IReadOnlyList<(long Tick, string Packet)> Heard => heard;

    /// <summary>Whether the link has ended its direction (FIN).</summary>
    public bool IsEnded { get; private set; }

    public bool IsDisposed { get; private set; }

    /// <summary>Happens once, when the link disposes of it, on the thread that does.</summary>
    public event Action? Disposed;

    PipeReader IDuplexPipe.Input => toLink.Reader;

    PipeWriter IDuplexPipe.Output => fromLink.Writer;

    /// <summary>Where it comes from.</summary>
    public EndPoint? RemoteEndPoint { get; init; }

    public void Say(string text) => Say(Encoding.UTF8.GetBytes(text));

    public void Say(byte[] bytes)
    {
        toLink.Writer.Write(bytes);
        _ = toLink.Writer.FlushAsync().AsTask();
    }

    /// <summary>Ends this direction in order.</summary>
    public void Fin() => toLink.Writer.Complete();

    /// <summary>Breaks the connection.</summary>
    public void Reset() => toLink.Writer.Complete(new IOException("reset by the script"));

    /// <summary>What was heard since this was asked last, times left out.</summary>
    public string[] Take()
    {
        var taken = heard.Select(h => h.Packet).ToArray();
        heard.Clear();
        return taken;
    }

    public void Dispose()
    {
        var first = !IsDisposed;
        IsDisposed = true;
        toLink.Reader.CancelPendingRead();
        fromLink.Writer.Complete();
        if (first)
            Disposed?.Invoke();
    }

    private async Task ListenAsync()
    {
        while (!deaf)
        {
            var read = await fromLink.Reader.ReadAsync().ConfigureAwait(false);
            if (!read.Buffer.IsEmpty)
                heard.Add((clock(), Encoding.UTF8.GetString(read.Buffer)));
            fromLink.Reader.AdvanceTo(read.Buffer.End);
            IsEnded = deaf = read.IsCompleted;
        }
    }

    private static PipeOptions Inline(int pauseAt) => new(
        readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: pauseAt, resumeWriterThreshold: pauseAt, useSynchronizationContext: false);
}
