using System.Buffers;
using System.IO.Pipelines;
using Rx.IotLink.Nano.Bridge;

namespace Rx.IotLink.Bridge;

/// <summary>
/// Moves the bytes of one connection between the wire and two pipes, until both directions have ended.
/// </summary>
/// <param name="wire">The wire.</param>
/// <param name="end">This end of it.</param>
/// <param name="opening">The connection, by <see cref="FrameEnd.Opening"/>.</param>
/// <param name="from">What goes to the wire.</param>
/// <param name="to">Takes what comes from the wire.</param>
internal sealed class Pump(Wire wire, FrameEnd end, int opening, PipeReader from, PipeWriter to)
{
    private const int ChunkBytes = 1_024;

    private readonly Signal readable = new();
    private readonly Signal writable = new();

    /// <summary>The end may have changed.</summary>
    public void Changed()
    {
        readable.Set();
        writable.Set();
    }

    /// <summary>Passes on what comes from the wire. Ends in order, or with an exception.</summary>
    public async Task ReceiveAsync(CancellationToken cancellationToken)
    {
        var bytes = new byte[ChunkBytes];
        while (true)
        {
            int read;
            bool isOver, hasEnded;
            string why;
            lock (wire.Gate)
            {
                isOver = IsOver;
                read = end.Opening != opening ? 0 : end.Read(bytes, 0, bytes.Length);
                (hasEnded, why) = (end.PeerEnded, end.Reason);
            }

            if (read > 0)
            {
                // There is credit to give.
                wire.Poke();
                var written = await to.WriteAsync(bytes.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
                if (written.IsCompleted)
                    return;
            }
            else if (isOver)
            {
                throw new IOException(why.Length > 0 ? why : "the connection is over");
            }
            else if (hasEnded)
            {
                await to.CompleteAsync().ConfigureAwait(false);
                return;
            }
            else
            {
                await readable.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Passes on what goes to the wire, and its end.</summary>
    public async Task SendAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await from.ReadAsync(cancellationToken).ConfigureAwait(false);
            foreach (var part in read.Buffer)
                await SendAsync(part.ToArray(), cancellationToken).ConfigureAwait(false);
            from.AdvanceTo(read.Buffer.End);
            if (!read.IsCompleted)
                continue;
            lock (wire.Gate)
            {
                if (!IsOver)
                    end.End(end.Connection);
            }

            wire.Poke();
            return;
        }
    }

    private bool IsOver => end.Opening != opening || end.State is not (ConnectionState.Open or ConnectionState.Opening);

    private async Task SendAsync(byte[] bytes, CancellationToken cancellationToken)
    {
        for (var at = 0; at < bytes.Length;)
        {
            int written;
            lock (wire.Gate)
            {
                if (IsOver)
                    throw new IOException(end.Opening == opening && end.Reason.Length > 0 ? end.Reason : "the connection is over");
                written = end.Write(end.Connection, bytes, at, bytes.Length - at);
            }

            at += written;
            wire.Poke();
            if (written == 0)
                await writable.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
