using System.IO.Pipelines;
using System.Reactive.Concurrency;

namespace Rx.IotLink.Testing.Simulation;

/// <summary>
/// One direction of a simulated connection. Written bytes come out later, in order, in pieces that the path chooses; or
/// never, if it is stalled or cut. Everything happens on the clock's thread, so one seed gives one history.
/// </summary>
internal sealed class Wire
{
    /// <summary>The bytes of a packet over Ethernet, with the usual headers of IPv4 and TCP.</summary>
    private const int PacketBytes = 1_460;

    /// <summary>
    /// A path with a bandwidth delivers the bytes of this time together, so that a long write arrives as a stream.
    /// </summary>
    private const int PiecesPerSecond = 20;

    private readonly SimulatedPath path;
    private readonly StallDirection direction;
    private readonly Queue<Piece> flight = new();
    private readonly WireReader reader = new();
    private readonly WireWriter writer;

    // Each call of a generic method of an interface looks it up again; a delegate looks it up once.
    private readonly Func<Wire, DateTimeOffset, Func<IScheduler, Wire, IDisposable>, IDisposable> schedule;
    private DateTimeOffset latest;
    private DateTimeOffset free;
    private int bytesInFlight;
    private DateTimeOffset wakesAt;
    private int? bytesPerSecond;
    private bool waking;
    private bool cut;
    private bool readerGone;
    private bool ending;
    private long left = long.MaxValue;
    private Action broken = () => { };

    public Wire(SimulatedPath path, StallDirection direction)
    {
        (this.path, this.direction, bytesPerSecond, schedule) = (path, direction, path.Conditions.BytesPerSecond, path.Clock.Schedule);
        writer = new WireWriter(this);
    }

    public PipeWriter Writer => writer;

    public PipeReader Reader => reader;

    /// <summary>Whether a writer has to wait.</summary>
    public bool IsFull => !cut && bytesInFlight > path.Conditions.SendBufferBytes;

    /// <summary>Whether no more bytes will come out of it.</summary>
    public bool IsOver => cut;

    /// <summary>The bytes that its reader got.</summary>
    public long Carried { get; private set; }

    /// <summary>Raised when bytes come out of it.</summary>
    public event Action? Arrived;

    /// <summary>Bytes were sent to an end that no longer exists; the answer is a reset.</summary>
    public event Action? Unreachable;

    /// <summary>Raised when no more bytes will come out of it.</summary>
    public event Action? Over;

    /// <summary>Whether the reading end has no power: arriving bytes are lost.</summary>
    public bool IsOrphaned { get; set; }

    /// <summary>Sends bytes, or (if there are none) the end.</summary>
    public void Send(byte[] bytes)
    {
        if (cut || ending)
            return;
        var conditions = path.Conditions;
        if (bytes.Length == 0)
            Launch(bytes, conditions);
        for (var at = 0; at < bytes.Length;)
        {
            var length = conditions.SliceBytes is { } most ? Math.Min(path.Random.Next(1, most + 1), bytes.Length - at) : bytes.Length;
            LaunchInPieces(bytes.AsMemory(at, length), conditions);
            at += length;
        }

        Wake();
    }

    /// <summary>
    /// Ends it at once: bytes on their way are lost, and the reader sees the end (an error is a reset).
    /// </summary>
    public void Cut(Exception? error)
    {
        if (cut)
            return;
        cut = true;
        flight.Clear();
        reader.End(error);
        writer.EndFlush(isCanceled: false);
        Over?.Invoke();
    }

    /// <summary>Ends it in order: bytes on their way arrive first.</summary>
    public void End()
    {
        Send([]);
        ending = true;
    }

    /// <summary>Its reader's process has ended: no end gets a message, and arriving bytes are lost.</summary>
    public void Forget()
    {
        if (cut)
            return;
        cut = true;
        flight.Clear();
        writer.EndFlush(isCanceled: false);
        Over?.Invoke();
    }

    /// <summary>The reader no longer reads; bytes for it are answered with a reset.</summary>
    public void LeaveReader() => readerGone = true;

    /// <summary>It breaks after this many more bytes; later bytes are lost.</summary>
    public void BreakAfter(long bytes, Action then) => (left, broken) = (bytes, then);

    /// <summary>The conditions have changed: delayed bytes may arrive.</summary>
    public void Resume()
    {
        if (path.Conditions.BytesPerSecond != bytesPerSecond)
            Relaunch(path.Conditions);
        Wake();
    }

    /// <summary>The bandwidth has changed: bytes that are not on the line yet use the new one.</summary>
    private void Relaunch(PathConditions conditions)
    {
        bytesPerSecond = conditions.BytesPerSecond;
        var onTheLine = path.Clock.Now + conditions.Latency + conditions.Jitter;
        (free, latest) = (default, default);
        for (var count = flight.Count; count > 0; count--)
        {
            var piece = flight.Dequeue();
            bytesInFlight -= piece.Bytes.Length;
            if (piece.Due <= onTheLine)
                Enqueue(piece);
            else if (piece.Bytes.Length == 0)
                Launch(piece.Bytes, conditions);
            else
                LaunchInPieces(piece.Bytes, conditions);
        }
    }

    /// <summary>A path with a bandwidth carries small pieces.</summary>
    private void LaunchInPieces(ReadOnlyMemory<byte> bytes, PathConditions conditions)
    {
        var most = conditions.BytesPerSecond is { } rate ? Math.Clamp(rate / PiecesPerSecond, 1, PacketBytes) : bytes.Length;
        for (; bytes.Length > most; bytes = bytes[most..])
            Launch(bytes[..most], conditions);
        Launch(bytes, conditions);
    }

    private void Launch(ReadOnlyMemory<byte> bytes, PathConditions conditions)
    {
        var start = path.Clock.Now;
        if (conditions.BytesPerSecond is { } rate)
        {
            start = free > start ? free : start;
            free = start += TimeSpan.FromTicks(bytes.Length * TimeSpan.TicksPerSecond / rate);
        }

        var due = start + conditions.Latency;
        if (conditions.Jitter > TimeSpan.Zero)
            due += conditions.Jitter * path.Random.NextDouble();
        if (conditions.Coalescing is { Ticks: > 0 and var step })
            due = new DateTimeOffset((due.Ticks + step - 1) / step * step, due.Offset);
        // Order is kept: a later piece never overtakes.
        Enqueue(new Piece(due > latest ? due : latest, bytes, conditions.SliceBytes is not null && conditions.Coalescing == TimeSpan.Zero));
    }

    private void Enqueue(Piece piece)
    {
        latest = piece.Due;
        flight.Enqueue(piece);
        bytesInFlight += piece.Bytes.Length;
    }

    private void Wake()
    {
        if (cut || path.IsStalled(direction) || !flight.TryPeek(out var next) || (waking && wakesAt <= next.Due))
            return;
        (waking, wakesAt) = (true, next.Due);
        schedule(this, next.Due, static (_, wire) =>
        {
            wire.waking = false;
            wire.Deliver();
            return System.Reactive.Disposables.Disposable.Empty;
        });
    }

    private void Deliver()
    {
        if (path.IsStalled(direction))
            return;
        var now = path.Clock.Now;
        var some = false;
        while (!cut && flight.TryPeek(out var piece) && piece.Due <= now)
        {
            flight.Dequeue();
            bytesInFlight -= piece.Bytes.Length;
            if (piece.Bytes.Length == 0)
                Finish();
            else
                some |= Arrive(piece.Bytes.Span);
            if (left <= 0)
                break;
            if (some && piece.Alone)
            {
                Give();
                some = false;
            }
        }

        if (some)
            Give();

        if (left <= 0 && !cut)
            broken();
        if (!IsFull)
            writer.EndFlush(isCanceled: false);
        Wake();
    }

    private void Give()
    {
        Arrived?.Invoke();
        reader.Give();
    }

    private bool Arrive(ReadOnlySpan<byte> bytes)
    {
        if (readerGone || IsOrphaned)
        {
            Unreachable?.Invoke();
            return false;
        }

        reader.Append(bytes.Length >= left ? bytes[..(int)left] : bytes);
        Carried += Math.Min(bytes.Length, left);
        left -= bytes.Length;
        return true;
    }

    private void Finish()
    {
        cut = true;
        if (!IsOrphaned)
        {
            if (!readerGone)
                Arrived?.Invoke();
            reader.End(null);
        }

        Over?.Invoke();
    }
}
