namespace Rx.IotLink.Nats.Log;

/// <summary>What the log of a device says, up to some message: its memory, and the lines that wait.</summary>
internal sealed class Memory
{
    private readonly SortedDictionary<long, StoredLine> lines = [];

    /// <summary>The token of the latest claim; 0: none.</summary>
    public long Token { get; set; }

    /// <summary>What its records have made of it.</summary>
    public SessionNumbers Numbers { get; } = new();

    /// <summary>The lines that wait, oldest first.</summary>
    public IReadOnlyCollection<StoredLine> Lines => lines.Values;

    /// <summary>Whether it was deleted under the latest claim.</summary>
    public bool IsForgotten { get; set; }

    public SessionMemory ToMemory() => Numbers.ToMemory(lines.Count, lines.Values.Sum(line => (long)(Protocol.Utf8.ByteCount(line.Text) ?? 0)));

    /// <summary>Applies one step. A second time it changes nothing.</summary>
    public void Apply(in SessionRecord record)
    {
        Numbers.Apply(record);
        switch (record.Kind)
        {
            case SessionRecordKind.Add:
                lines[record.Position] = new(record.Position, record.Text ?? throw NoText(record), record.Expires?.ToUniversalTime(), record.Key);
                break;
            case SessionRecordKind.Remove:
                lines.Remove(record.Position);
                break;
            case SessionRecordKind.RemoveThrough:
                RemoveThrough(record.Position);
                break;
            case SessionRecordKind.Forget or SessionRecordKind.Receive:
                throw new ArgumentOutOfRangeException(nameof(record), record.Kind, "A record of a kind that is not kept in a log.");
        }
    }

    private void RemoveThrough(long last)
    {
        foreach (var position in lines.Keys.TakeWhile(position => position <= last).ToArray())
            lines.Remove(position);
    }

    private static ArgumentException NoText(in SessionRecord record) => new($"The record that adds line {record.Position} has no text.", nameof(record));
}
