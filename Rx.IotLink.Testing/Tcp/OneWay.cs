using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using System.Threading.Channels;

namespace Rx.IotLink.Testing.Tcp;

/// <summary>
/// Carries bytes in one direction of one connection. At most 64 KiB are on their way (as much again is being sent, if
/// pieces pass together). Then it reads no more, and TCP itself slows the sender.
/// </summary>
/// <param name="from">The socket to read.</param>
/// <param name="to">The socket to write.</param>
/// <param name="scheduler">Measures latencies and pauses.</param>
/// <param name="carried">Called once, when the first bytes have passed.</param>
internal sealed class OneWay(Socket from, Socket to, IScheduler scheduler, Action carried)
{
    private const int PieceBytes = 4_096;
    private const int PiecesUnderWay = 16;

    /// <summary>The most times a second at which a throttled direction passes bytes: timers are not finer.</summary>
    private const int PiecesPerSecond = 100;

    private readonly Channel<Piece> _underWay = Channel.CreateBounded<Piece>(PiecesUnderWay);
    private readonly IStopwatch _stopwatch = scheduler.StartStopwatch();
    private volatile Conditions _conditions = Conditions.Good;
    private volatile TaskCompletionSource _changed = NewChange();

    private volatile bool _hasCarried;
    private long _carried;
    private volatile bool _senderIsBroken;

    /// <summary>Bytes that have passed.</summary>
    public long Carried => Interlocked.Read(ref _carried);

    /// <summary>Whether any bytes have passed.</summary>
    public bool HasCarried => _hasCarried;

    /// <summary>The other direction: only through it can the sender learn about the receiver.</summary>
    public OneWay Back { get; set; } = null!;

    /// <summary>Changes the conditions, also for bytes on their way.</summary>
    public void Become(Conditions conditions)
    {
        _conditions = conditions;
        // In this order: code that takes the new task for the next change sees the new conditions.
        Interlocked.Exchange(ref _changed, NewChange()).TrySetResult();
    }

    /// <summary>Carries bytes, and at last the end of the connection, until nothing is left.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAll(TakeAsync(cancellationToken), PassAsync(cancellationToken)).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The connection was killed: the code that did it closes the sockets.
        }
    }

    private static TaskCompletionSource NewChange() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task TakeAsync(CancellationToken cancellationToken)
    {
        try
        {
            var buffer = new byte[PieceBytes];
            for (var end = End.None; end == End.None;)
            {
                var count = await ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
                end = count switch { null => End.Broken, 0 => End.Finished, _ => End.None };
                await _underWay.Writer.WriteAsync(new Piece(_stopwatch.Elapsed, buffer[..(count ?? 0)], end), cancellationToken).ConfigureAwait(false);
            }
        }
        catch (ChannelClosedException)
        {
            // The receiver is gone, so it takes no more bytes.
        }
    }

    /// <summary>What was read: a number of bytes, 0 if the sender has finished, null if its connection broke.</summary>
    private async Task<int?> ReadAsync(byte[] buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await from.ReceiveAsync(buffer, SocketFlags.None, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return null;
        }
    }

    private async Task PassAsync(CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var piece in _underWay.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                await ArrivedAsync(piece.TakenAt, cancellationToken).ConfigureAwait(false);
                switch (piece.End)
                {
                    case End.None:
                        await SendAsync(await TogetherAsync(piece.Bytes, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
                        break;
                    case End.Finished:
                        await ToldAsync(cancellationToken).ConfigureAwait(false);
                        Finish();
                        return;
                    case End.Broken:
                        await ToldAsync(cancellationToken).ConfigureAwait(false);
                        Ending.Reset(to);
                        return;
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            Back._senderIsBroken = true;
            await Back.ArrivedAsync(_stopwatch.Elapsed, cancellationToken).ConfigureAwait(false);
            await Back.ToldAsync(cancellationToken).ConfigureAwait(false);
            Ending.Reset(from);
        }
        finally
        {
            _underWay.Writer.TryComplete();
        }
    }

    /// <summary>
    /// With coalescing: waits for the next multiple of its time, and takes all bytes that have come by then.
    /// </summary>
    private async Task<ReadOnlyMemory<byte>> TogetherAsync(byte[] bytes, CancellationToken cancellationToken)
    {
        if (_conditions.Coalescing == TimeSpan.Zero)
            return bytes;
        var since = _stopwatch.Elapsed;
        await ElapsedAsync(since, conditions => conditions.Coalescing is { Ticks: > 0 and var step } ? TimeSpan.FromTicks(step - (since.Ticks % step)) : TimeSpan.Zero, cancellationToken).ConfigureAwait(false);
        await PassableAsync(cancellationToken).ConfigureAwait(false);
        var together = new List<byte>(bytes);
        while (_underWay.Reader.TryPeek(out var next) && next.End == End.None && next.TakenAt + _conditions.Latency <= _stopwatch.Elapsed && _underWay.Reader.TryRead(out next))
            together.AddRange(next.Bytes);
        return together.ToArray();
    }

    private async Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty)
        {
            await PassableAsync(cancellationToken).ConfigureAwait(false);
            var conditions = _conditions;
            if (conditions.Discards)
                return;
            var rate = conditions.BytesPerSecond;
            var most = Math.Min(Math.Min(bytes.Length, conditions.SliceBytes), Math.Max(1, rate / PiecesPerSecond));
            var started = _stopwatch.Elapsed;
            var sent = await to.SendAsync(bytes[..most], SocketFlags.None, cancellationToken).ConfigureAwait(false);
            Interlocked.Add(ref _carried, sent);
            TellFirst();
            bytes = bytes[sent..];
            var rest = rate == int.MaxValue ? TimeSpan.Zero : TimeSpan.FromSeconds((double)sent / rate);
            await ElapsedAsync(started, _ => conditions.Pause + rest, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Waits until the bytes that were taken at a time have passed, however slow the direction is.</summary>
    private async Task ArrivedAsync(TimeSpan takenAt, CancellationToken cancellationToken)
    {
        await ElapsedAsync(takenAt, conditions => conditions.Latency, cancellationToken).ConfigureAwait(false);
        await PassableAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Waits until this much time has passed since then; a change of the conditions may shorten or lengthen it.
    /// </summary>
    private async Task ElapsedAsync(TimeSpan since, Func<Conditions, TimeSpan> length, CancellationToken cancellationToken)
    {
        while (true)
        {
            var changed = _changed;
            var rest = since + length(_conditions) - _stopwatch.Elapsed;
            if (rest <= TimeSpan.Zero)
                return;
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            await Task.WhenAny(Observable.Timer(rest, scheduler).ToTask(stop.Token), changed.Task).ConfigureAwait(false);
            await stop.CancelAsync().ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Waits for the end of a stall, and of one that begins at the same moment.</summary>
    private Task PassableAsync(CancellationToken cancellationToken) => WhileAsync(conditions => conditions.IsStalled, cancellationToken);

    /// <summary>
    /// Waits until the end of the connection may pass: it may not while incoming bytes are dropped.
    /// </summary>
    private Task ToldAsync(CancellationToken cancellationToken) => WhileAsync(conditions => conditions.IsStalled || conditions.Discards, cancellationToken);

    private async Task WhileAsync(Func<Conditions, bool> holds, CancellationToken cancellationToken)
    {
        while (true)
        {
            var changed = _changed;
            if (!holds(_conditions))
                return;
            await changed.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private void TellFirst()
    {
        if (_hasCarried)
            return;
        _hasCarried = true;
        carried();
    }

    private void Finish()
    {
        // The system reports a reset once: the first write to the broken socket gets it, and a read then finds only the
        // end.
        if (_senderIsBroken)
        {
            Ending.Reset(to);
            return;
        }

        try
        {
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It has ended already.
        }
    }

    private enum End
    {
        None,
        Finished,
        Broken,
    }

    private readonly record struct Piece(TimeSpan TakenAt, byte[] Bytes, End End);
}
