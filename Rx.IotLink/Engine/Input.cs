using System.Buffers;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Engine;

/// <summary>What can happen to a link.</summary>
internal enum InputKind : byte
{
    /// <summary>Only what every input brings: the time, and what the application has handled.</summary>
    Handled,

    /// <summary>A connection was made (client), or its peer has sent its id (server).</summary>
    Connected,

    /// <summary>Bytes arrived.</summary>
    Bytes,

    /// <summary>The connection has ended.</summary>
    Ended,

    /// <summary>The connection has taken its bytes, and asks for more.</summary>
    OutputTaken,

    /// <summary>A keepalive is due.</summary>
    KeepaliveDue,

    /// <summary>The connection must end, with a farewell to its peer.</summary>
    Dismissed,

    /// <summary>This end is awake again, and cannot connect.</summary>
    Woken,

    /// <summary>The store says that the device sleeps, or slept before it came.</summary>
    Slept,

    /// <summary>The application asks for the time of a round trip.</summary>
    Pinged,

    /// <summary>The application wrote a line.</summary>
    Wrote,

    /// <summary>The application wants a line back.</summary>
    TookBack,

    /// <summary>The store has kept records.</summary>
    Saved,

    /// <summary>The store has failed.</summary>
    SaveFailed,

    /// <summary>The store has not answered for long.</summary>
    SaveWaits,

    /// <summary>Lines were read from the store.</summary>
    Loaded,

    /// <summary>Lines could not be read from the store.</summary>
    LoadFailed,

    /// <summary>The time has come that the engine asked for.</summary>
    Time,

    /// <summary>The application closes the link.</summary>
    Closed,

    /// <summary>The link is given up.</summary>
    Refused,
}

/// <summary>The facts at the moment of an input.</summary>
/// <param name="Now">Monotonic time.</param>
/// <param name="HandledExactlyOnce">How many exactly-once lines the application has handled, ever.</param>
/// <param name="HandledBestEffort">How many best-effort lines it has handled, ever.</param>
/// <param name="HeldSince">Since when observers have been handling their current line, if there is one.</param>
/// <param name="OpenSince">Since when the oldest open line waits to be accepted, if there is one.</param>
/// <param name="Room">How many more bytes the link may hold. Below zero: it holds too many.</param>
internal readonly record struct Moment(
    TimeSpan Now, long HandledExactlyOnce = 0, long HandledBestEffort = 0, TimeSpan? HeldSince = null, TimeSpan? OpenSince = null, long Room = Moment.AnyRoom)
{
    /// <summary>The room of a link without a budget.</summary>
    public const long AnyRoom = long.MaxValue / 2;
}

/// <summary>
/// An event of a link, as a value, with the facts of that moment.
/// </summary>
internal readonly struct Input
{
    // What only some kinds have shares places: a step for a line is too short for a large value.
    private readonly object? what;
    private readonly object? why;
    private readonly long number;

    private Input(InputKind kind, in Moment at, object? what = null, object? why = null, long number = 0) =>
        (Kind, At, this.what, this.why, this.number) = (kind, at, what, why, number);

    public InputKind Kind { get; }

    public Moment At { get; }

    /// <summary>Connected: the buffer for bytes to send. It belongs to this connection alone.</summary>
    public OutputBuffer? Output => what as OutputBuffer;

    /// <summary>Connected, at a server: the peer's opening.</summary>
    public PeerOpening? Opening => why as PeerOpening;

    /// <summary>
    /// Connected, at a client: the version to speak; null: as before, or as the peer asked.
    /// </summary>
    public int? Version => Kind == InputKind.Connected && number != 0 ? (int)number : null;

    /// <summary>Bytes: valid during the step.</summary>
    public ReadOnlySequence<byte> Received { get; private init; }

    /// <summary>Wrote, TookBack: the line.</summary>
    public OutLine? Line { get; private init; }

    /// <summary>
    /// Connected, Wrote, Loaded: the time of day, where lines are kept. Slept: since when.
    /// </summary>
    public DateTimeOffset TimeOfDay { get; private init; }

    /// <summary>Wrote: whether the send may come later, so that it takes more lines.</summary>
    public bool MaySendLater { get; private init; }

    /// <summary>Wrote: whether more lines are likely to follow at once.</summary>
    public bool MoreFollow { get; private init; }

    /// <summary>Dismissed: the text of the farewell, if the protocol has one.</summary>
    public string? Word => what as string;

    /// <summary>Ended, Dismissed, Woken, Slept, Closed, Refused, SaveFailed, SaveWaits, LoadFailed: why.</summary>
    public Outage? Outage => why as Outage;

    /// <summary>SaveFailed, LoadFailed: the exception of the store.</summary>
    public Exception? Error => what as Exception;

    /// <summary>Saved: the place of the last record that is kept.</summary>
    public long UpTo => number;

    /// <summary>Loaded: the lines, in the order of their positions.</summary>
    public IReadOnlyList<StoredLine>? Lines => what as IReadOnlyList<StoredLine>;

    public static Input Loaded(in Moment at, IReadOnlyList<StoredLine> lines, DateTimeOffset timeOfDay = default) =>
        new(InputKind.Loaded, at, lines) { TimeOfDay = timeOfDay };

    public static Input LoadFailed(in Moment at, Outage outage, Exception error) =>
        new(InputKind.LoadFailed, at, error, outage);

    public static Input Handled(in Moment at) => new(InputKind.Handled, at);

    public static Input Connected(in Moment at, OutputBuffer output, PeerOpening? opening, int? version = null, DateTimeOffset timeOfDay = default) =>
        new(InputKind.Connected, at, output, opening, version ?? 0) { TimeOfDay = timeOfDay };

    public static Input Bytes(in Moment at, in ReadOnlySequence<byte> bytes) => new(InputKind.Bytes, at) { Received = bytes };

    public static Input Ended(in Moment at, Outage outage) => new(InputKind.Ended, at, why: outage);

    public static Input OutputTaken(in Moment at) => new(InputKind.OutputTaken, at);

    public static Input KeepaliveDue(in Moment at) => new(InputKind.KeepaliveDue, at);

    public static Input Pinged(in Moment at) => new(InputKind.Pinged, at);

    public static Input Dismissed(in Moment at, string word, Outage outage) => new(InputKind.Dismissed, at, word, outage);

    public static Input Woken(in Moment at, Outage outage) => new(InputKind.Woken, at, why: outage);

    public static Input Slept(in Moment at, Outage? outage, DateTimeOffset since) => new(InputKind.Slept, at, why: outage) { TimeOfDay = since };

    public static Input Wrote(in Moment at, OutLine line, bool maySendLater, bool moreFollow = false, DateTimeOffset timeOfDay = default) =>
        new(InputKind.Wrote, at) { Line = line, MaySendLater = maySendLater, MoreFollow = moreFollow, TimeOfDay = timeOfDay };

    public static Input TookBack(in Moment at, OutLine line) => new(InputKind.TookBack, at) { Line = line };

    public static Input Saved(in Moment at, long upTo) => new(InputKind.Saved, at, number: upTo);

    public static Input SaveFailed(in Moment at, Outage outage, Exception error) =>
        new(InputKind.SaveFailed, at, error, outage);

    public static Input SaveWaits(in Moment at, Outage outage) => new(InputKind.SaveWaits, at, why: outage);

    public static Input Time(in Moment at) => new(InputKind.Time, at);

    public static Input Closed(in Moment at, Outage outage) => new(InputKind.Closed, at, why: outage);

    public static Input Refused(in Moment at, Outage outage) => new(InputKind.Refused, at, why: outage);
}
