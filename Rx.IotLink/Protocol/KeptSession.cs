namespace Rx.IotLink.Protocol;

/// <summary>A link's memory from an earlier process, with the lines that wait.</summary>
/// <param name="Memory">The memory.</param>
/// <param name="Lines">The lines, in the order of their positions; of very many, the first.</param>
/// <param name="Keys">The keys of those that are not among them.</param>
internal sealed record KeptSession(SessionMemory Memory, IReadOnlyList<StoredLine> Lines, IReadOnlyList<StoredKey> Keys)
{
    /// <summary>
    /// The version with which a link begins if its peer will speak this version. Only protocol 2 can continue a memory;
    /// protocol 1 then takes over its lines.
    /// </summary>
    public int FirstVersion(int version) => Memory.Epoch is null ? version : 2;

    /// <summary>Puts the lines into an empty outbox.</summary>
    public void PutInto(Outbox outbox)
    {
        foreach (var line in Lines)
            outbox.Restore(new StoredOutLine(line.Text, line.Key), line.Position, line.Expires);
        outbox.Restore(Memory.LastPosition);
    }
}
