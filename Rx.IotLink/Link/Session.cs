using System.Buffers;
using System.IO.Pipelines;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Runtime.CompilerServices;
using Rx.IotLink.Time;
using Rx.IotLink.Transport;

namespace Rx.IotLink;

/// <summary>
/// One connection while it serves a link: the loop that reads, the loop that sends, and the two watches of its liveness. It owns the connection,
/// and knows nothing of lines.
/// </summary>
internal sealed class Session(Link link, IConnection connection, LinkOptions options) : IDisposable, IThreadPoolWorkItem
{
    private readonly SerialDisposable silence = new();
    private readonly SerialDisposable keepalives = new();
    private readonly AsyncSubject<Outage> ended = new();
    private readonly SingleAssignmentDisposable patience = new();
    private readonly TaskCompletionSource released = new();
    private long heardAt;
    private long saidAt;
    private volatile bool over;
    private TaskWrite? toTell;

    /// <summary>One value, when the connection has ended.</summary>
    public IObservable<Outage> Ended => ended.AsObservable();

    /// <summary>Completes when the connection is done with: nothing is read from it any more, and the last word is said. To be awaited at most once.</summary>
    public ValueTask Finished { get; private set; }

    /// <summary>Completes when the connection was released: its last word is said, or cannot be.</summary>
    public Task Released => released.Task;

    /// <summary>What is to be sent. Guarded by the link's lock.</summary>
    public OutputBuffer Output { get; } = new();

    /// <summary>Whether a send is under way, or about to be. Guarded by the link's lock.</summary>
    public bool Sending { get; set; }

    /// <summary>Declares an outage after a silence of this length.</summary>
    public void WatchSilence(TimeSpan limit) =>
        silence.Disposable = Liveness.Silence(() => SinceThen(Volatile.Read(ref heardAt)), limit, options.Scheduler)
            .Subscribe(_ => link.End(this, new Outage(OutageReason.Silence, $"nothing was received for {limit.TotalSeconds:0.###} s")));

    /// <summary>Sends keepalives every interval: counted from the last one, or (unless always) from the last bytes of any kind, if they are later.</summary>
    public void StartKeepalives(TimeSpan interval, bool always)
    {
        // One that says nothing (a client before the server's first line, a send that does not end) counts too, or it would be made again at once, for ever.
        var last = link.Now.Ticks;
        keepalives.Disposable = Liveness.Keepalives(() => SinceThen(always ? Volatile.Read(ref last) : Math.Max(Volatile.Read(ref last), Volatile.Read(ref saidAt))), interval, options.Scheduler)
            .Subscribe(_ =>
            {
                Volatile.Write(ref last, link.Now.Ticks);
                link.Keepalive(this);
            });
    }

    public void Heard(TimeSpan now) => Volatile.Write(ref heardAt, now.Ticks);

    public void Said(TimeSpan now) => Volatile.Write(ref saidAt, now.Ticks);

#pragma warning disable CA2012 // Kept to be awaited later, once.
    public void StartReading() => Finished = ReadAsync();
#pragma warning restore CA2012

    /// <summary>Reads until the connection ends. Bytes that belong to an unfinished line stay in the pipe.</summary>
    /// <remarks>Pooled builders continue on the thread that completes them, whatever its context: a virtual clock's thread is not left.</remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReadAsync()
    {
        try
        {
            while (!over)
            {
                var reading = connection.Input.ReadAsync();
                var told = toTell;
                toTell = null;
                ReadResult result;
                if (told is null || reading.IsCompleted)
                {
                    told?.Finish(told.Error);
                    result = await reading.ConfigureAwait(false);
                }
                else
                {
                    result = await new AfterSuspension(reading, told);
                }

                if (!result.Buffer.IsEmpty)
                {
                    if (link.Receive(this, result.Buffer) is not { } consumed)
                        return;
                    connection.Input.AdvanceTo(consumed, result.Buffer.End);
                }

                if (result.IsCompleted)
                {
                    link.End(this, new Outage(OutageReason.ClosedByPeer, "the peer closed the connection"));
                    return;
                }
            }
        }
        catch (Exception exception)
        {
            link.End(this, new Outage(OutageReason.ConnectionLost, exception.GetBaseException().Message));
        }
        finally
        {
            toTell?.Finish(toTell.Error);
            await connection.Input.CompleteAsync().ConfigureAwait(false);
            // Whoever waits for the end of reading closes what is below, which would cut the last word off.
            await released.Task.ConfigureAwait(false);
        }
    }

    /// <summary>Sends bytes, and what gathers meanwhile. For whoever has set <see cref="Sending"/>.</summary>
    /// <param name="bytes">What to send first, if it was taken already.</param>
    public async Task SendAsync(ReadOnlyMemory<byte>? bytes)
    {
        var oneSendPerLine = link.OneSendPerLine;
        try
        {
            var closed = false;
            for (var next = bytes ?? link.TakeOutput(this, out closed); next is { } rest; next = link.TakeOutput(this, out closed))
            {
                while (!rest.IsEmpty)
                {
                    var length = oneSendPerLine ? rest.Span.IndexOf((byte)'\n') + 1 : rest.Length;
                    await connection.Output.WriteAsync(rest[..length]).ConfigureAwait(false);
                    rest = rest[length..];
                }
            }

            // Closed while it was to be sent on: its end was left to this loop.
            if (closed)
                await SayLastWordAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            link.End(this, new Outage(OutageReason.ConnectionLost, exception.GetBaseException().Message));
            Release();
        }
    }

    /// <summary>
    /// Has a writer told when the loop that reads waits for the next bytes, on its thread. Only where that thread is not needed for reading any more then: the loop waits for the
    /// socket itself. Asked by that loop alone.
    /// </summary>
    public bool TryTellAfterSuspension(TaskWrite write)
    {
        if (toTell is not null || over || connection is not SocketConnection)
            return false;
        toTell = write;
        return true;
    }

    /// <summary>No call of this session counts any more. Under the link's lock, before <see cref="Close"/>.</summary>
    public void LetGo() => over = true;

    /// <summary>Ends the connection, in order (FIN) where it can: a micropython-iot client that is reset (RST) may hang for ever.</summary>
    public void Close(Outage outage)
    {
        silence.Dispose();
        keepalives.Dispose();
        connection.Input.CancelPendingRead();
        if (!Sending)
            _ = SayLastWordAsync();
        // The last word may have to wait for a send that is under way, but not on a connection that is broken or takes nothing.
        if (outage.Reason is OutageReason.Silence or OutageReason.ConnectionLost or OutageReason.PeerNotReading)
            Release();
        else if (!released.Task.IsCompleted)
            patience.Disposable = options.Scheduler.Schedule(options.Timeout, Release);
        ended.OnNext(outage);
        ended.OnCompleted();
    }

    /// <summary>Sends what was still to be said, and ends the output. For whoever owns the output at the end.</summary>
    private async Task SayLastWordAsync()
    {
        try
        {
            connection.Output.Write(Output.Take().Span);
            await connection.Output.CompleteAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or InvalidOperationException or OperationCanceledException)
        {
            // The connection is broken already, which is what its last word would have led to.
        }
        finally
        {
            Release();
        }
    }

    private void Release()
    {
        connection.Dispose();
        released.TrySetResult();
        patience.Dispose();
    }

    void IThreadPoolWorkItem.Execute() => _ = SendAsync(bytes: null);

    void IDisposable.Dispose() => connection.Dispose();

    private TimeSpan SinceThen(long then) => link.Now - TimeSpan.FromTicks(then);
}
