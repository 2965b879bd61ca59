namespace Rx.IotLink.Testing.Stores;

/// <summary>What a store must hold: a simple model of the records.</summary>
internal sealed class StoreModel
{
    private readonly SortedDictionary<long, StoredLine> lines = [];

    /// <summary>Null: no memory was begun. Its counts of lines are not maintained.</summary>
    public SessionMemory? Memory { get; private set; }

    public StoredLine[] Lines => [.. lines.Values];

    public void Apply(SessionRecord record)
    {
        if (record.Kind is SessionRecordKind.Begin)
            Memory = Records.Empty(record.Epoch) with { Connections = Memory?.Connections ?? 0, LastPosition = Memory?.LastPosition ?? 0 };
        if (Memory is not { } memory)
            return;
        switch (record.Kind)
        {
            case SessionRecordKind.Connect:
                Memory = memory with { Connections = record.Number };
                break;
            case SessionRecordKind.Add:
                lines[record.Position] = new(record.Position, record.Text!, record.Expires, record.Key);
                Memory = memory with { LastPosition = record.Position };
                break;
            case SessionRecordKind.Remove:
                lines.Remove(record.Position);
                break;
            case SessionRecordKind.RemoveThrough:
                foreach (var position in lines.Keys.TakeWhile(position => position <= record.Position).ToArray())
                    lines.Remove(position);
                Memory = memory with { First = record.Number + 1 };
                break;
            case SessionRecordKind.Accept:
                Memory = memory with { PeerEpoch = record.Epoch, Accepted = record.Number };
                break;
            case SessionRecordKind.Forget:
                lines.Clear();
                Memory = null;
                break;
        }
    }
}
