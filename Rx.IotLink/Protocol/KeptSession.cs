namespace Rx.IotLink.Protocol;

/// <summary>A link's memory from an earlier process, with the lines that wait.</summary>
/// <param name="Memory">The memory.</param>
/// <param name="Lines">The lines, in the order of their positions.</param>
internal sealed record KeptSession(SessionMemory Memory, IReadOnlyList<StoredLine> Lines)
{
    /// <summary>How many lines wait in all, and their bytes.</summary>
    public (long Lines, long Bytes) Waiting => (Memory.Waiting, Memory.WaitingBytes);

    /// <summary>Puts the lines into an empty outbox.</summary>
    public void PutInto(Outbox outbox)
    {
        foreach (var line in Lines)
            outbox.Restore(new OutLine(line.Text, Utf8.ByteCount(line.Text) ?? 0, Delivery.ExactlyOnce, Ordering.Ordered), line.Position);
        outbox.Restore(Memory.LastPosition);
    }
}
