namespace Rx.IotLink.Testing.Stores;

/// <summary>Short names for the records that the checks write.</summary>
internal static class Records
{
    public static SessionRecord Begin(ulong epoch) => new(SessionRecordKind.Begin, Epoch: epoch);

    public static SessionRecord Connect(ulong number) => new(SessionRecordKind.Connect, Number: number);

    public static SessionRecord Add(long position, string text, DateTimeOffset? expires = null, string? key = null) =>
        new(SessionRecordKind.Add, position, Text: text, Expires: expires, Key: key);

    public static SessionRecord Add(StoredLine line) => Add(line.Position, line.Text, line.Expires, line.Key);

    public static SessionRecord Remove(long position) => new(SessionRecordKind.Remove, position);

    public static SessionRecord RemoveThrough(long position, ulong number) => new(SessionRecordKind.RemoveThrough, position, number);

    public static SessionRecord Accept(ulong epoch, ulong number) => new(SessionRecordKind.Accept, Number: number, Epoch: epoch);

    public static SessionRecord Forget() => new(SessionRecordKind.Forget);

    /// <summary>A memory without changes since it began.</summary>
    public static SessionMemory Empty(ulong epoch) =>
        new(epoch, First: 1, PeerEpoch: null, Accepted: 0, Connections: 0, LastPosition: 0, Waiting: 0, WaitingBytes: 0);
}
