using System.Buffers;
using System.IO.Pipelines;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Runtime.CompilerServices;
using Rx.IotLink.Engine;
using Rx.IotLink.Time;
using Rx.IotLink.Transport;

namespace Rx.IotLink;

/// <summary>
/// One connection while it serves a link: the loop that reads, the loop that sends, the silence and the keepalives. It
/// owns the connection. It does not know what is in a line. It cuts the output at line feeds if the peer needs that. It
/// keeps writes to complete, and an inbox to drain, until the thread that has read has nothing else to do.
/// </summary>
internal sealed class ServedConnection(Link link, IConnection connection) : IDisposable, IThreadPoolWorkItem
{
    private static readonly TaskCompletionSource AlreadyReleased = Completed();

    // Made at the first use: an idle connection needs none of them.
    private AsyncSubject<Outage>? ended;
    private SingleAssignmentDisposable? patience;
    private TaskCompletionSource? released;
    private Outage? end;

    // Whom to call when it is finished; after that, a visit that is over.
    private IVisit? visit;

    private Silence? silence;
    private Keepalives? keepalives;
    private long heardAt;
    private long saidAt;
    private volatile bool over;

    // Whether the code that closes must send the last bytes, since no send is in progress.
    private bool hasLastWord;

    // Whether the loop's thread is free when it waits for the next bytes, and what that thread does then. For the loop
    // alone.
    private readonly bool frees = connection is ISocketBelow { HasSocketBelow: true };
    private AfterReceipt rest;
    private ValueTask<ReadResult> reading;
    private volatile bool isStarted;
    private Pause? pause;
    private bool isSlowed;

    /// <summary>One value, when the connection has ended.</summary>
    public IObservable<Outage> Ended
    {
        get
        {
            _ = Interlocked.CompareExchange(ref ended, new AsyncSubject<Outage>(), null);
            if (Volatile.Read(ref end) is { } outage)
                TellEnd(ended, outage);
            return ended.AsObservable();
        }
    }

    /// <summary>
    /// Calls <see cref="IVisit.Finished"/> when the connection is finished: nothing more is read from it, and the last
    /// bytes are sent. At most one visit is called. A callback, not a task: thousands of connections at rest hold it.
    /// </summary>
    public void WhenFinished(IVisit visitor)
    {
        if (Interlocked.CompareExchange(ref visit, visitor, null) is not null)
            visitor.Finished();
    }

    /// <summary>Completes when the connection is released: its last bytes are sent, or cannot be.</summary>
    public Task Released => (Interlocked.CompareExchange(ref released, new TaskCompletionSource(Continuations.Options(link.Options.Continuations)), null) ?? released).Task;

    /// <summary>
    /// Completes when the connection is closed as well: the peer has received the last bytes, or its time is over.
    /// </summary>
    public Task Gone => connection is ILingeringConnection lingering ? GoneAsync(lingering) : Released;

    /// <summary>Identifies the key that the peer has proved; 0: it has proved none.</summary>
    public ulong KeyMark { get; init; }

    /// <summary>
    /// The bytes to send. Guarded by the link's lock until the connection ends; then it belongs to the code that sends
    /// the last bytes.
    /// </summary>
    public OutputBuffer Output { get; } = new();

    /// <summary>Whether reading is paused, since the link has used up its share of the budget.</summary>
    public bool IsPaused => Volatile.Read(ref pause)?.IsOn == true;

    /// <summary>Reads again, if reading is paused.</summary>
    public void Resume() => Volatile.Read(ref pause)?.End();

    /// <summary>Declares an outage after a silence of this length.</summary>
    public void WatchSilence(TimeSpan limit) => Start(ref silence, new SilenceOf(this, link.Deadlines, limit));

    /// <summary>
    /// Sends keepalives every interval: counted from the last one, or (unless always) from the last bytes of any kind,
    /// if they are later.
    /// </summary>
    public void StartKeepalives(TimeSpan interval, bool always) => Start(ref keepalives, new KeepalivesOf(this, link.Deadlines, interval, always));

    /// <summary>When the last bytes were received; before the first, when it began.</summary>
    public TimeSpan HeardAt => new(Volatile.Read(ref heardAt));

    public void Heard(TimeSpan now) => Volatile.Write(ref heardAt, now.Ticks);

    public void Said(TimeSpan now) => Volatile.Write(ref saidAt, now.Ticks);

    public void StartReading()
    {
        // Bytes that have come already are handled here, on a thread that has other work.
        _ = ReadAsync();
        isStarted = true;
    }

    /// <summary>The current read. For the reading loop alone, which awaits each of them once.</summary>
    public ref readonly ValueTask<ReadResult> Reading => ref reading;

    /// <summary>Reads until the connection ends. Bytes that belong to an unfinished line stay in the pipe.</summary>
    private async Task ReadAsync()
    {
        try
        {
            while (!over)
            {
                if (link.HasBudget)
                    await PaceAsync().ConfigureAwait(false);
                // If more bytes are there, they are read first. Their number is bounded: then others get their turn.
#pragma warning disable CA2012 // It is awaited in the next line, once.
                reading = connection.Input.ReadAsync();
#pragma warning restore CA2012
                var result = await new AfterSuspension(this);

                if (!result.Buffer.IsEmpty)
                {
                    if (link.Receive(this, result.Buffer) is not { } consumed)
                        break;
                    connection.Input.AdvanceTo(consumed, result.Buffer.End);
                }

                if (result.IsCompleted)
                {
                    link.End(this, new Outage(OutageReason.ClosedByPeer, "the peer closed the connection"));
                    break;
                }
            }
        }
        catch (Exception exception)
        {
            link.End(this, new Outage(OutageReason.ConnectionLost, exception.GetBaseException().Message));
        }

        // Not awaited here: what an async method awaits is kept with it, also while it waits for something else.
        _ = FinishAsync();
    }

    private async Task FinishAsync()
    {
        _ = await TryEndReadingAsync().ConfigureAwait(false);
        // The visit closes the transport, which would lose the last bytes.
        await Released.ConfigureAwait(false);
        Interlocked.Exchange(ref visit, FinishedVisit.Instance)?.Finished();
    }

    private async ValueTask<bool> TryEndReadingAsync()
    {
        try
        {
            TakeRest().RunElsewhere(this);
            await connection.Input.CompleteAsync().ConfigureAwait(false);
            return true;
        }
        catch (Exception)
        {
            // A reader may belong to the application, and any call of it may throw. Nothing is left to do for it.
            return false;
        }
    }

    /// <summary>
    /// Waits before the next read while the link cannot take more, with a time limit (<see cref="Pause"/>): the peer is
    /// slowed, not disconnected. If its acknowledgements do not come for too long, the connection is read until they
    /// have come.
    /// </summary>
    private async ValueTask PaceAsync()
    {
        if (!link.IsShort)
        {
            isSlowed = false;
        }
        else if (pause is not { TimedOut: true } || !link.AwaitsAcknowledgement)
        {
            if (!isSlowed)
                link.Slowed();
            isSlowed = true;
            TakeRest().RunElsewhere(this);
            await PauseAsync().ConfigureAwait(false);
        }

        // No more than what finds room; otherwise a line would have to come again.
        if (link.BudgetLeft is > 0 and var left)
            (connection.Input as SocketReader)?.LimitNext(left);
    }

    private async ValueTask PauseAsync()
    {
        if (pause is null)
            Volatile.Write(ref pause, new(link, link.Deadlines, link.Options.Timeout, link.Options));
        var read = pause.BeginAsync();
        // A release of bytes, or the end of this connection, may have come just before.
        if (over || !link.IsShort)
            pause.End();
        await read.ConfigureAwait(false);
        // Bytes of the peer were not read meanwhile: its silence starts again.
        Heard(link.Now);
    }

    /// <summary>The rest of the work for the last bytes. For the reading loop alone.</summary>
    public AfterReceipt TakeRest()
    {
        var taken = rest;
        rest = default;
        return taken;
    }

    /// <summary>
    /// Sends bytes, and those that gather meanwhile. Called when there are bytes to send and no send is in progress.
    /// </summary>
    /// <param name="bytes">The first bytes to send, if they were taken already.</param>
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

            // Closed during the send: this loop must end the output.
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
    /// Completes the writes of these lines on the thread of the reading loop, when it waits for the next bytes.
    /// This works only if the loop waits for the socket itself, so that its thread is then free. Called by that loop
    /// alone.
    /// </summary>
    public bool TryTellLater(LineChain done)
    {
        if (over || !frees || !isStarted)
            return false;
        rest.Done.Add(done);
        return true;
    }

    /// <summary>Hands out the lines of an inbox in the same way.</summary>
    public bool TryLendTo(Inbox inbox)
    {
        if (over || !frees || !isStarted || !inbox.CanBorrow)
            return false;
        rest.Inbox = inbox;
        return true;
    }

    /// <summary>
    /// Ignores further calls of this connection. Under the link's lock, before <see cref="Close"/>.
    /// </summary>
    public void LetGo(EndOfConnection how) => (hasLastWord, over) = (!how.SendIsUnderWay, true);

    /// <summary>
    /// Ends the connection, in order (FIN) where it can: a micropython-iot client that is reset (RST) may hang for
    /// ever.
    /// </summary>
    public void Close(Outage outage)
    {
        Volatile.Read(ref silence)?.Dispose();
        Volatile.Read(ref keepalives)?.Dispose();
        connection.Input.CancelPendingRead();
        Volatile.Read(ref pause)?.Dispose();
        Resume();
        if (hasLastWord)
            _ = SayLastWordAsync();
        // The last bytes may have to wait for a send in progress, but not on a connection that is broken or does not
        // take bytes.
        if (outage.Reason is OutageReason.Silence or OutageReason.ConnectionLost or OutageReason.PeerNotReading)
            Release();
        else
            HavePatience();
        Interlocked.Exchange(ref end, outage);
        if (Volatile.Read(ref ended) is { } observed)
            TellEnd(observed, outage);
    }

    private void HavePatience()
    {
        if (IsReleased)
            return;
        var limited = new SingleAssignmentDisposable();
        Interlocked.Exchange(ref patience, limited);
        limited.Disposable = link.Options.Scheduler.Schedule(link.Options.Timeout, Release);
        if (IsReleased)
            limited.Dispose();
    }

    /// <summary>Sends the last bytes, and ends the output. For the code that owns the output at the end.</summary>
    private async Task SayLastWordAsync()
    {
        try
        {
            connection.Output.Write(Output.Take().Span);
            await connection.Output.CompleteAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or InvalidOperationException or OperationCanceledException)
        {
            // The connection is broken already; the last bytes would have ended it anyway.
        }
        finally
        {
            Release();
        }
    }

    private void Release()
    {
        connection.Dispose();
        Interlocked.CompareExchange(ref released, AlreadyReleased, null)?.TrySetResult();
        Volatile.Read(ref patience)?.Dispose();
    }

    private async Task GoneAsync(ILingeringConnection lingering)
    {
        await Released.ConfigureAwait(false);
        await lingering.Closed.ConfigureAwait(false);
    }

    private bool IsReleased => Volatile.Read(ref released) is { Task.IsCompleted: true };

    void IThreadPoolWorkItem.Execute() => _ = SendAsync(bytes: null);

    void IDisposable.Dispose() => connection.Dispose();

    private void FallSilent(TimeSpan limit) => link.End(this, new Outage(OutageReason.Silence, $"nothing was received for {limit.TotalSeconds:0.###} s"));

    private void SayKeepalive() => link.Keepalive(this);

    private void Start<T>(ref T? place, T watch)
        where T : Deadline
    {
        Interlocked.Exchange(ref place, watch)?.Dispose();
        watch.Set();
        // It ended meanwhile, perhaps before this value was visible.
        if (over)
            watch.Dispose();
    }

    private static void TellEnd(AsyncSubject<Outage> to, Outage outage)
    {
        to.OnNext(outage);
        to.OnCompleted();
    }

    private static TaskCompletionSource Completed()
    {
        var completed = new TaskCompletionSource();
        completed.SetResult();
        return completed;
    }

    /// <summary>In the place of the visit, once the connection is finished.</summary>
    private sealed class FinishedVisit : IVisit
    {
        public static FinishedVisit Instance { get; } = new();

        void IVisit.Finished()
        {
            // Nobody is called twice.
        }
    }

    private sealed class SilenceOf(ServedConnection connection, Deadlines deadlines, TimeSpan limit) : Silence(deadlines, limit)
    {
        protected override TimeSpan HeardAt => connection.IsPaused ? Queue.Now : TimeSpan.FromTicks(Volatile.Read(ref connection.heardAt));

        protected override void FallSilent() => connection.FallSilent(Limit);
    }

    private sealed class KeepalivesOf(ServedConnection connection, Deadlines deadlines, TimeSpan interval, bool always) : Keepalives(deadlines, interval)
    {
        protected override TimeSpan SaidAt => always ? TimeSpan.Zero : TimeSpan.FromTicks(Volatile.Read(ref connection.saidAt));

        public override void Execute() => connection.SayKeepalive();
    }
}
