using static Rx.IotLink.Testing.Stores.Records;

namespace Rx.IotLink.Testing.Stores;

/// <summary>Checks of a memory's numbers.</summary>
internal static class MemoryChecks
{
    public static IEnumerable<(string Name, Func<StoreSubject, Task> Check)> All =>
    [
        ("An id that nothing was begun for has no memory", NoneAsync),
        ("A memory that begins is empty", BeginsAsync),
        ("A new epoch keeps lines, positions and connections, and forgets numbers and the peer", BeginsAgainAsync),
        ("The number of the last connection is kept", ConnectsAsync),
        ("The number of the last accepted line is kept with the peer's epoch", AcceptsAsync),
        ("What is forgotten is gone, and the id can begin again", ForgetsAsync),
        ("Numbers and epochs have 64 bits", NumbersAsync),
        ("A batch may be of many ids, which stay apart", ManyIdsAsync),
        ("Ids may be long and of any characters, and none is taken for another", IdsAsync),
    ];

    private static async Task NoneAsync(StoreSubject store)
    {
        _ = await store.KeepsAsync("pump-1", null).ConfigureAwait(false);
        await store.BeginAsync("pump-2").ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", null).ConfigureAwait(false);
    }

    private static async Task BeginsAsync(StoreSubject store)
    {
        await store.BeginAsync(epoch: 0xF00D).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", Empty(0xF00D)).ConfigureAwait(false);
    }

    private static async Task BeginsAgainAsync(StoreSubject store)
    {
        var claim = await store.BeginAsync(epoch: 1).ConfigureAwait(false);
        await store.WriteAsync(claim, Connect(3), Add(1, "one"), Add(2, "two"), RemoveThrough(1, 1), Accept(9, 5)).ConfigureAwait(false);
        await store.WriteAsync(claim, Begin(2)).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", Empty(2) with { Connections = 3, LastPosition = 2 }, new StoredLine(2, "two")).ConfigureAwait(false);
    }

    private static async Task ConnectsAsync(StoreSubject store)
    {
        var claim = await store.BeginAsync().ConfigureAwait(false);
        await store.WriteAsync(claim, Connect(1)).ConfigureAwait(false);
        await store.WriteAsync(claim, Connect(2), Connect(3)).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", Empty(1) with { Connections = 3 }).ConfigureAwait(false);
    }

    private static async Task AcceptsAsync(StoreSubject store)
    {
        var claim = await store.BeginAsync().ConfigureAwait(false);
        await store.WriteAsync(claim, Accept(7, 0)).ConfigureAwait(false);
        claim = await store.KeepsAsync("pump-1", Empty(1) with { PeerEpoch = 7 }).ConfigureAwait(false);
        await store.WriteAsync(claim, Accept(7, 1), Accept(7, 2), Accept(7, 40)).ConfigureAwait(false);
        claim = await store.KeepsAsync("pump-1", Empty(1) with { PeerEpoch = 7, Accepted = 40 }).ConfigureAwait(false);
        await store.WriteAsync(claim, Accept(8, 1)).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", Empty(1) with { PeerEpoch = 8, Accepted = 1 }).ConfigureAwait(false);
    }

    private static async Task ForgetsAsync(StoreSubject store)
    {
        var claim = await store.BeginAsync().ConfigureAwait(false);
        await store.BeginAsync("pump-2", epoch: 2).ConfigureAwait(false);
        await store.WriteAsync(claim, Connect(3), Add(1, "one"), Accept(9, 5)).ConfigureAwait(false);
        await store.WriteAsync(claim, Add(2, "two"), Forget()).ConfigureAwait(false);
        var after = await store.KeepsAsync("pump-1", null).ConfigureAwait(false);
        store.Check(after.Token > claim.Token, $"the claim after it has token {after.Token}, which is not greater than {claim.Token}");
        await store.WriteAsync(after, Begin(5)).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", Empty(5)).ConfigureAwait(false);
        _ = await store.HasAsync("pump-2", Empty(2)).ConfigureAwait(false);
    }

    private static async Task NumbersAsync(StoreSubject store)
    {
        const ulong half = 1UL << 63;
        foreach (var (id, epoch) in new[] { ("most", ulong.MaxValue), ("half", half), ("below", half - 1), ("zero", 0UL) })
        {
            var claim = await store.BeginAsync(id, epoch).ConfigureAwait(false);
            await store.WriteAsync(claim, Connect(epoch), Accept(epoch, epoch), Add(long.MaxValue - 1, "late"), RemoveThrough(1, epoch == 0 ? 0 : epoch - 1))
                .ConfigureAwait(false);
            var memory = new SessionMemory(epoch, epoch == 0 ? 1 : epoch, epoch, epoch, epoch, long.MaxValue - 1, 0, 0);
            _ = await store.KeepsAsync(id, memory, new StoredLine(long.MaxValue - 1, "late")).ConfigureAwait(false);
        }
    }

    private static async Task ManyIdsAsync(StoreSubject store)
    {
        const int ids = 1_000;
        var claims = new List<SessionClaim>();
        for (var i = 0; i < ids; i++)
            claims.Add(await store.ClaimAsync($"pump-{i}").ConfigureAwait(false));
        await store.WriteAsync([.. claims.Select((claim, i) => new SessionWrite(claim, Begin((ulong)i)))]).ConfigureAwait(false);
        // The records of each id are spread over the batch.
        await store.WriteAsync([
            .. claims.Select(claim => new SessionWrite(claim, Add(1, claim.Id))),
            .. claims.Select(claim => new SessionWrite(claim, Add(2, $"{claim.Id} again"))),
            .. claims.Select(claim => new SessionWrite(claim, RemoveThrough(1, 1))),
        ]).ConfigureAwait(false);
        await store.ReopenAsync().ConfigureAwait(false);
        for (var i = 0; i < ids; i++)
            _ = await store.HasAsync($"pump-{i}", Empty((ulong)i) with { First = 2, LastPosition = 2 }, new StoredLine(2, $"pump-{i} again")).ConfigureAwait(false);
    }

    private static async Task IdsAsync(StoreSubject store)
    {
        string[] ids =
        [
            "a", "A", "a ", "ab", "a%", "a_", "a'b", "a\"b", "a\\b", "a/b", "a;b", "--", "[a]", "null", "NULL", "0", "00", "é", "e\u0301", "É", "日本", "😀",
            new('x', 254), new('x', 255), new('é', 127), "é" + new string('x', 253), "x" + string.Concat(Enumerable.Repeat("😀", 63)),
        ];
        for (var i = 0; i < ids.Length; i++)
            await store.WriteAsync(await store.BeginAsync(ids[i], (ulong)i).ConfigureAwait(false), Add(1, ids[i])).ConfigureAwait(false);
        await store.ReopenAsync().ConfigureAwait(false);
        for (var i = 0; i < ids.Length; i++)
            _ = await store.HasAsync(ids[i], Empty((ulong)i) with { LastPosition = 1 }, new StoredLine(1, ids[i])).ConfigureAwait(false);
    }
}
