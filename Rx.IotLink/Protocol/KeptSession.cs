namespace Rx.IotLink.Protocol;

/// <summary>A link's memory from an earlier process, with the lines that wait.</summary>
/// <param name="Memory">The memory.</param>
/// <param name="Lines">The lines, in the order of their positions; of very many, the first.</param>
/// <param name="Keys">The keys of those that are not among them.</param>
internal sealed record KeptSession(SessionMemory Memory, IReadOnlyList<StoredLine> Lines, IReadOnlyList<StoredKey> Keys)
{
    /// <summary>How many lines wait in all, their bytes, and the keys of those that are in the store alone.</summary>
    public (long Lines, long Bytes, IReadOnlyList<StoredKey>? Keys) Waiting => (Memory.Waiting, Memory.WaitingBytes, Keys);

    /// <summary>Puts the lines into an empty outbox.</summary>
    public void PutInto(Outbox outbox)
    {
        foreach (var line in Lines)
            outbox.Restore(new StoredOutLine(line.Text, line.Key), line.Position, line.Expires);
        outbox.Restore(Memory.LastPosition);
    }
}
