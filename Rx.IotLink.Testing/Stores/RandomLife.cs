using static Rx.IotLink.Testing.Stores.Records;

namespace Rx.IotLink.Testing.Stores;

/// <summary>One device's random records, as a link would write them, and what a store must hold after them.</summary>
internal sealed class RandomLife(string id, Random random)
{
    private readonly List<SessionRecord> written = [];
    private SessionClaim? claim;
    private long position;
    private ulong number;
    private ulong accepted;
    private ulong connection;

    public string Id => id;

    public StoreModel Model { get; private set; } = new();

    public bool NeedsClaim => claim is null;

    /// <summary>
    /// The claim of the next records; records of an older claim do not come again.
    /// </summary>
    public SessionClaim Claim
    {
        set
        {
            claim = value;
            written.Clear();
        }
    }

    /// <summary>The next records.</summary>
    public SessionWrite[] Next()
    {
        var records = new List<SessionRecord>();
        var count = random.Next(1, 20);
        if (Model.Memory is null)
            records.Add(Begun());
        while (records.Count < count)
            records.Add(One());
        if (random.Next(25) == 0)
            records.Add(Forget());

        records.ForEach(Model.Apply);
        written.AddRange(records);
        SessionWrite[] batch = [.. records.Select(record => new SessionWrite(claim!.Value, record))];
        if (records[^1].Kind == SessionRecordKind.Forget)
            (claim, position, connection) = (null, 0, 0);
        return batch;
    }

    /// <summary>
    /// The last records of this claim, a random number of them. A claim that has deleted its memory writes nothing
    /// more.
    /// </summary>
    public SessionWrite[] Again() => claim is { } current
        ? [.. written.Skip(random.Next(written.Count + 1)).Select(record => new SessionWrite(current, record))]
        : [];

    private SessionRecord Begun()
    {
        (number, accepted) = (0, 0);
        return Begin((ulong)random.NextInt64(long.MinValue, long.MaxValue));
    }

    private SessionRecord One() => random.Next(20) switch
    {
        0 => Begun(),
        < 3 => Connect(++connection),
        < 11 => Add(position += random.Next(1, 4), new string((char)random.Next(' ', 0xD7FF), random.Next(40)), random.Next(3) == 0 ? DateTimeOffset.UnixEpoch.AddTicks(random.NextInt64(1L << 58)) : null, random.Next(4) == 0 ? $"k{random.Next(3)}" : null),
        < 13 => Remove(random.NextInt64(position + 1)),
        < 16 => RemoveThrough(position - random.Next((int)Math.Min(position + 1, 6)), ++number),
        _ => Accept(7, ++accepted),
    };
}
