namespace Rx.IotLink.Protocol;

/// <summary>
/// One step of a session's memory, as a value: what must be kept if the memory is to outlive the process.
/// </summary>
/// <param name="Kind">Which step.</param>
/// <param name="Number">Of the line or connection; a beginning has none.</param>
/// <param name="Epoch">The epoch that begins, or the peer's whose lines are accepted.</param>
/// <param name="Line">The text of a line that is added.</param>
internal readonly record struct SessionRecord(RecordKind Kind, ulong Number, ulong Epoch = 0, string? Line = null)
{
    public static SessionRecord Begin(ulong epoch) => new(RecordKind.Begin, Number: 0, epoch);

    public static SessionRecord Connect(ulong number) => new(RecordKind.Connect, number);

    public static SessionRecord Add(ulong number, string line) => new(RecordKind.Add, number, Line: line);

    public static SessionRecord RemoveThrough(ulong number) => new(RecordKind.RemoveThrough, number);

    public static SessionRecord Accept(ulong peerEpoch, ulong number) => new(RecordKind.Accept, number, peerEpoch);

    /// <summary>Whether this one, told right after another, says all that the other does.</summary>
    public bool Covers(in SessionRecord before) => Kind == before.Kind && Kind is RecordKind.Connect or RecordKind.RemoveThrough or RecordKind.Accept;
}

/// <summary>The kinds of <see cref="SessionRecord"/>.</summary>
internal enum RecordKind
{
    /// <summary>A new memory begins; what was before is forgotten, but for the number of the last connection.</summary>
    Begin,

    /// <summary>A client opens a connection.</summary>
    Connect,

    /// <summary>A line was given its number.</summary>
    Add,

    /// <summary>The peer accepted all lines up to a number.</summary>
    RemoveThrough,

    /// <summary>All lines of the peer up to a number are accepted.</summary>
    Accept,
}
