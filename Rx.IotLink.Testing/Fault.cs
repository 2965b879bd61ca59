using System.Globalization;

namespace Rx.IotLink.Testing;

/// <summary>
/// One fault as a value: what, when, where, for how long. <see cref="SimulatedNetwork.Play(IEnumerable{Fault})"/> makes
/// it happen. <see cref="ToString"/> gives the C# code of the fault.
/// </summary>
public sealed record Fault
{
    private Fault(FaultKind kind, string target, TimeSpan at, TimeSpan lasting)
    {
        ArgumentException.ThrowIfNullOrEmpty(target);
        ArgumentOutOfRangeException.ThrowIfLessThan(at, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(lasting, TimeSpan.Zero);
        (Kind, Target, At, Lasting) = (kind, target, at, lasting);
    }

    /// <summary>The kind of fault.</summary>
    public FaultKind Kind { get; }

    /// <summary>
    /// Where: the id of a device (its path, or for a crash the device itself), the name of a server (the paths of all
    /// its devices, or the server itself) or of an access point.
    /// </summary>
    public string Target { get; }

    /// <summary>When it begins, since the start of the network.</summary>
    public TimeSpan At { get; init; }

    /// <summary>How long it lasts; zero for a fault without duration.</summary>
    public TimeSpan Lasting { get; init; }

    /// <summary>The direction of a stall.</summary>
    public StallDirection Direction { get; private init; } = StallDirection.Both;

    /// <summary>Whether a kill appears as an error (RST) and not as an end (FIN).</summary>
    public bool Reset { get; private init; }

    /// <summary>Whether a kill loses the bytes on their way.</summary>
    public bool LosesTail { get; private init; }

    /// <summary>
    /// Of a delay, the added latency each way. Of slow opening, the added time for a connection. Of coalescing, the
    /// time within which bytes arrive together.
    /// </summary>
    public TimeSpan By { get; private init; }

    /// <summary>A random part that is added to a delay.</summary>
    public TimeSpan Jitter { get; private init; }

    /// <summary>The most bytes a second of a throttle, or the most bytes of a piece of a slice.</summary>
    public int Bytes { get; private init; }

    /// <summary>How a process crashes.</summary>
    public CrashKind Crashing { get; private init; }

    /// <summary>What the next process finds of the memory.</summary>
    public MemoryAfterCrash Memory { get; private init; }

    /// <summary>The fault of a disk.</summary>
    public DiskFault OfDisk { get; private init; }

    /// <summary>What an application does wrong with received lines.</summary>
    public HandlerFault OfHandler { get; private init; }

    /// <summary>When it ends.</summary>
    public TimeSpan End => At + Lasting;

    /// <summary>The connections break; both ends see it at once.</summary>
    /// <param name="target">Where.</param>
    /// <param name="at">When.</param>
    /// <param name="reset">As an error (RST) and not as an end (FIN).</param>
    /// <param name="losesTail">Whether bytes on their way are lost; otherwise they arrive before the end.</param>
    public static Fault Kill(string target, TimeSpan at, bool reset = false, bool losesTail = true) =>
        new(FaultKind.Kill, target, at, TimeSpan.Zero) { Reset = reset, LosesTail = losesTail };

    /// <summary>
    /// Nothing arrives, and no end sees an error. Sent bytes arrive when it is over, as with TCP.
    /// </summary>
    public static Fault Stall(string target, TimeSpan at, TimeSpan lasting, StallDirection direction = StallDirection.Both) =>
        new(FaultKind.Stall, target, at, lasting)
        {
            Direction = direction is StallDirection.Up or StallDirection.Down or StallDirection.Both
                ? direction
                : throw new ArgumentOutOfRangeException(nameof(direction), direction, "A stall is up, down or both ways."),
        };

    /// <summary>New connections are refused; existing ones continue.</summary>
    public static Fault Refuse(string target, TimeSpan at, TimeSpan lasting) => new(FaultKind.Refuse, target, at, lasting);

    /// <summary>Everything takes longer, each way, by a fixed time and a random time. The order is kept.</summary>
    public static Fault Delay(string target, TimeSpan at, TimeSpan lasting, TimeSpan by, TimeSpan jitter = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(jitter, TimeSpan.Zero);
        return new(FaultKind.Delay, target, at, lasting) { By = by, Jitter = jitter };
    }

    /// <summary>
    /// Only this many bytes a second arrive, each way, in pieces as <see cref="PathConditions.BytesPerSecond"/> says.
    /// </summary>
    public static Fault Throttle(string target, TimeSpan at, TimeSpan lasting, int bytesPerSecond)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytesPerSecond);
        return new(FaultKind.Throttle, target, at, lasting) { Bytes = bytesPerSecond };
    }

    /// <summary>A write arrives in pieces of random length, up to this.</summary>
    public static Fault Slice(string target, TimeSpan at, TimeSpan lasting, int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        return new(FaultKind.Slice, target, at, lasting) { Bytes = bytes };
    }

    /// <summary>
    /// Bytes that arrive within this time reach the reader together, at its end: at the multiples of this time, since
    /// the clock's zero.
    /// </summary>
    public static Fault Coalesce(string target, TimeSpan at, TimeSpan lasting, TimeSpan within)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(within, TimeSpan.Zero);
        return new(FaultKind.Coalesce, target, at, lasting) { By = within };
    }

    /// <summary>New connections take longer.</summary>
    public static Fault OpenSlowly(string target, TimeSpan at, TimeSpan lasting, TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        return new(FaultKind.OpenSlowly, target, at, lasting) { By = by };
    }

    /// <summary>A process ends, and starts again later.</summary>
    /// <param name="target">A device's id or a server's name.</param>
    /// <param name="at">When.</param>
    /// <param name="lasting">How long it is away.</param>
    /// <param name="memory">What the next process finds of the memory.</param>
    /// <param name="how">How it ends.</param>
    public static Fault Crash(string target, TimeSpan at, TimeSpan lasting, MemoryAfterCrash memory = MemoryAfterCrash.Lost, CrashKind how = CrashKind.Killed) =>
        new(FaultKind.Crash, target, at, lasting) { Memory = memory, Crashing = how };

    /// <summary>
    /// The disk of a machine, which holds its memory of sessions, cannot be written, is full, or loses writes.
    /// </summary>
    /// <param name="target">A device's id or a server's name.</param>
    /// <param name="at">When.</param>
    /// <param name="lasting">For how long.</param>
    /// <param name="how">The fault. Default: no write works.</param>
    public static Fault Disk(string target, TimeSpan at, TimeSpan lasting, DiskFault how = DiskFault.Fails) =>
        new(FaultKind.Disk, target, at, lasting) { OfDisk = how };

    /// <summary>
    /// The log of a server's application throws at each entry: the entries are lost, and nothing else happens.
    /// </summary>
    /// <param name="target">A server's name.</param>
    /// <param name="at">When.</param>
    /// <param name="lasting">For how long.</param>
    public static Fault Log(string target, TimeSpan at, TimeSpan lasting) => new(FaultKind.Log, target, at, lasting);

    /// <summary>
    /// The application on a machine does wrong with the lines that it gets: its handler fails, or it accepts lines in a
    /// wrong way. Only what the application has passed through <c>Breakable</c> is affected.
    /// </summary>
    /// <param name="target">A device's id or a server's name.</param>
    /// <param name="at">When.</param>
    /// <param name="lasting">For how long.</param>
    /// <param name="how">The fault. Default: the handler throws.</param>
    public static Fault Handler(string target, TimeSpan at, TimeSpan lasting, HandlerFault how = HandlerFault.Throws) =>
        new(FaultKind.Handler, target, at, lasting) { OfHandler = how };

    /// <summary>The C# code of this fault.</summary>
    public override string ToString()
    {
        var details = Kind switch
        {
            FaultKind.Kill => $"{Maybe(Reset, ", reset: true")}{Maybe(!LosesTail, ", losesTail: false")}",
            FaultKind.Stall => Maybe(Direction != StallDirection.Both, $", {nameof(StallDirection)}.{Direction}"),
            FaultKind.Delay => $", by: {Code(By)}{Maybe(Jitter > TimeSpan.Zero, $", jitter: {Code(Jitter)}")}",
            FaultKind.Throttle => $", bytesPerSecond: {Bytes}",
            FaultKind.Slice => $", bytes: {Bytes}",
            FaultKind.Coalesce => $", within: {Code(By)}",
            FaultKind.OpenSlowly => $", by: {Code(By)}",
            FaultKind.Crash => $"{Maybe(Memory != MemoryAfterCrash.Lost, $", {nameof(MemoryAfterCrash)}.{Memory}")}{Maybe(Crashing != CrashKind.Killed, $", how: {nameof(CrashKind)}.{Crashing}")}",
            FaultKind.Disk => Maybe(OfDisk != DiskFault.Fails, $", {nameof(DiskFault)}.{OfDisk}"),
            FaultKind.Handler => Maybe(OfHandler != HandlerFault.Throws, $", {nameof(HandlerFault)}.{OfHandler}"),
            _ => "",
        };
        return $"{nameof(Fault)}.{Kind}(\"{Target}\", at: {Code(At)}{Maybe(Kind != FaultKind.Kill, $", lasting: {Code(Lasting)}")}{details})";
    }

    private static string Maybe(bool condition, string text) => condition ? text : "";

    private static string Code(TimeSpan time) => time.Ticks % TimeSpan.TicksPerSecond == 0
        ? $"{(long)time.TotalSeconds}.s()"
        : time.Ticks % TimeSpan.TicksPerMillisecond == 0
            ? $"{(long)time.TotalMilliseconds}.ms()"
            : string.Create(CultureInfo.InvariantCulture, $"TimeSpan.FromTicks({time.Ticks})");
}
