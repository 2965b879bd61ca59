namespace Rx.IotLink;

/// <summary>
/// What a store remembers of a session beside its lines, and how records change it.
/// </summary>
internal sealed class SessionNumbers
{
    /// <summary>Null: no epoch was begun.</summary>
    public ulong? Epoch { get; set; }

    public ulong First { get; set; } = 1;

    public ulong? PeerEpoch { get; set; }

    public ulong Accepted { get; set; }

    public ulong Connections { get; set; }

    public long LastPosition { get; set; }

    /// <summary>Applies one step; its line is handled elsewhere. A second time it changes nothing.</summary>
    public void Apply(in SessionRecord record)
    {
        switch (record.Kind)
        {
            case SessionRecordKind.Begin:
                (Epoch, First, PeerEpoch, Accepted) = (record.Epoch, 1, null, 0);
                break;
            case SessionRecordKind.Connect:
                Connections = record.Number;
                break;
            case SessionRecordKind.Add:
                LastPosition = Math.Max(LastPosition, record.Position);
                break;
            case SessionRecordKind.RemoveThrough:
                First = unchecked(record.Number + 1);
                break;
            case SessionRecordKind.Accept:
                (PeerEpoch, Accepted) = (record.Epoch, record.Number);
                break;
            case SessionRecordKind.Remove or SessionRecordKind.Forget or SessionRecordKind.Receive:
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(record), record.Kind, "A record of an unknown kind.");
        }
    }

    /// <summary>The memory of a claim.</summary>
    public SessionMemory ToMemory(long waiting, long waitingBytes) =>
        new(Epoch, First, PeerEpoch, Accepted, Connections, LastPosition, waiting, waitingBytes);
}
