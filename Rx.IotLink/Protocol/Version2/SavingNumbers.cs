namespace Rx.IotLink.Protocol.Version2;

/// <summary>
/// Numbers of lines whose records are being saved, in their order. The window bounds it. It is made when it is needed:
/// thousands of links with a store would hold three of these.
/// </summary>
internal sealed class SavingNumbers
{
    private readonly Queue<(long Record, ulong Number)> numbers = new();
    private ulong last;

    /// <summary>The last of them, if there are any.</summary>
    public ulong? Last => numbers.Count > 0 ? last : null;

    /// <summary>Adds a number, and the place of its record among all records.</summary>
    public void Add(long record, ulong number)
    {
        numbers.Enqueue((record, number));
        last = number;
    }

    /// <summary>All records up to this one are saved: the last number among them, if there is one.</summary>
    public ulong? TakeThrough(long record)
    {
        ulong? saved = null;
        while (numbers.TryPeek(out var first) && first.Record <= record)
            saved = numbers.Dequeue().Number;
        return saved;
    }

    /// <summary>They belong to a memory that no longer exists.</summary>
    public void Clear() => numbers.Clear();
}
