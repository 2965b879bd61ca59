using static Rx.IotLink.Testing.Stores.Records;

namespace Rx.IotLink.Testing.Stores;

/// <summary>Checks of claims: who may write a memory, and calls that are cancelled.</summary>
internal static class ClaimChecks
{
    public static IEnumerable<(string Name, Func<StoreSubject, Task> Check)> All =>
    [
        ("A later claim fences the earlier one out of writing and reading, and nobody else", FencesAsync),
        ("A claim from before the store was closed is fenced out by one after it", FencesAfterReopeningAsync),
        ("Of claims at the same time one is the last, and all tokens differ", AtOnceAsync),
        ("A claim of one id does not write the memory of another", OtherIdAsync),
        ("Memories with great numbers of connections are found, and no others, if the store can find any", FindsAsync),
        ("A call that nobody waits for from the start does nothing, or all", CancelledAsync),
    ];

    private static async Task FencesAsync(StoreSubject store)
    {
        var first = await store.BeginAsync().ConfigureAwait(false);
        await store.WriteAsync(first, Add(1, "one")).ConfigureAwait(false);
        var other = await store.BeginAsync("pump-2").ConfigureAwait(false);
        var second = await store.ClaimAsync().ConfigureAwait(false);
        store.Check(second.Token > first.Token, $"the second claim has token {second.Token}, which is not greater than the first one's {first.Token}");

        var fenced = await store.Store.WriteAsync(
        [
            new(first, Add(2, "late")), new(other, Add(1, "kept")), new(first, RemoveThrough(1, 1)), new(first, Begin(99)), new(second, Connect(5)),
            new(first, Accept(9, 9)), new(other, Add(2, "kept too")), new(first, Remove(1)), new(first, Connect(77)),
        ]).ConfigureAwait(false);
        store.Check(fenced.Count == 1 && fenced.Single() == first, $"{fenced.Count} claims are said to be fenced out, and it is the first one alone");
        var forgets = await store.Store.WriteAsync([new(first, Forget())]).ConfigureAwait(false);
        store.Check(forgets.Count == 1 && forgets.Single() == first, $"the first claim may forget the memory");
        if (store.Store.IsShared)
        {
            store.Check(await store.Store.IsFencedOutAsync(first).ConfigureAwait(false), $"the first claim is not said to be fenced out");
            store.Check(!await store.Store.IsFencedOutAsync(second).ConfigureAwait(false), $"the second claim is said to be fenced out");
        }

        store.Same([], await store.Store.ReadLinesAsync(first, 0, 10).ConfigureAwait(false));
        store.Same([new(1, "one")], await store.Store.ReadLinesAsync(second, 0, 10).ConfigureAwait(false));
        _ = await store.HasAsync("pump-2", Empty(1) with { LastPosition = 2 }, new(1, "kept"), new(2, "kept too")).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", Empty(1) with { Connections = 5, LastPosition = 1 }, new StoredLine(1, "one")).ConfigureAwait(false);
    }

    private static async Task FencesAfterReopeningAsync(StoreSubject store)
    {
        var older = new List<SessionClaim>();
        for (var opening = 0; opening < 3; opening++)
        {
            var claim = await store.ClaimAsync().ConfigureAwait(false);
            store.Check(older.All(before => before.Token < claim.Token), $"token {claim.Token} is not greater than those of earlier claims");
            await store.WriteAsync(claim, Begin((ulong)opening)).ConfigureAwait(false);
            foreach (var before in older)
            {
                var fenced = await store.Store.WriteAsync([new(before, Begin(99))]).ConfigureAwait(false);
                store.Check(fenced.Count == 1 && fenced.Single() == before, $"a claim of an earlier opening writes");
            }

            older.Add(claim);
            await store.ReopenAsync().ConfigureAwait(false);
        }

        _ = await store.HasAsync("pump-1", Empty(2)).ConfigureAwait(false);
    }

    private static async Task AtOnceAsync(StoreSubject store)
    {
        await store.BeginAsync().ConfigureAwait(false);
        var claims = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Run(() => store.ClaimAsync()))).ConfigureAwait(false);
        store.Equal(claims.Length, claims.Select(claim => claim.Token).Distinct().Count(), "the number of different tokens");
        var fenced = await store.Store.WriteAsync([.. claims.Select(claim => new SessionWrite(claim, Connect((ulong)claim.Token)))]).ConfigureAwait(false);
        store.Equal(claims.Length - 1, fenced.Count, "the number of claims that are fenced out");
        var last = claims.Max(claim => claim.Token);
        store.Check(fenced.All(claim => claim.Token != last), $"the greatest token is fenced out");
        _ = await store.KeepsAsync("pump-1", Empty(1) with { Connections = (ulong)last }).ConfigureAwait(false);
    }

    private static async Task OtherIdAsync(StoreSubject store)
    {
        await store.BeginAsync("pump-1", 1).ConfigureAwait(false);
        var claim = await store.BeginAsync("pump-2", 2).ConfigureAwait(false);
        var wrong = claim with { Id = "pump-1" };
        var never = new SessionClaim("pump-3", claim.Token);
        var fenced = await store.Store.WriteAsync([new(wrong, Begin(3)), new(claim, Begin(4)), new(never, Begin(5))]).ConfigureAwait(false);
        store.Check(fenced.Count == 2 && fenced.Contains(wrong) && fenced.Contains(never), $"a token of another id writes");
        _ = await store.KeepsAsync("pump-1", Empty(1)).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-2", Empty(4)).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-3", null).ConfigureAwait(false);
    }

    /// <summary>So a server finds the devices that sleep.</summary>
    private static async Task FindsAsync(StoreSubject store)
    {
        const ulong Least = 1UL << 62;
        (string Id, ulong[] Numbers)[] memories =
        [
            ("pump-1", [Least]), ("pump-2", [Least - 1]), ("pump-3", []), ("pump-4", [Least, 0]), ("pump-5", [7, long.MaxValue]), ("pümp-6", [ulong.MaxValue]),
            ("pump-7", [Least + 5]),
        ];
        SessionClaim last = default;
        foreach (var (id, numbers) in memories)
        {
            last = await store.BeginAsync(id).ConfigureAwait(false);
            foreach (var number in numbers)
                await store.WriteAsync(last, Connect(number)).ConfigureAwait(false);
        }

        await store.WriteAsync(last, Forget()).ConfigureAwait(false);
        await HasAsync().ConfigureAwait(false);
        await store.ReopenAsync().ConfigureAwait(false);
        await HasAsync().ConfigureAwait(false);

        async Task HasAsync()
        {
            if (await store.Store.FindIdsAsync((long)Least).ConfigureAwait(false) is { } found)
                store.Equal("pump-1 pump-5 pümp-6", string.Join(' ', found.Order(StringComparer.Ordinal)), "the list of what is found");
        }
    }

    private static async Task CancelledAsync(StoreSubject store)
    {
        var claim = await store.BeginAsync().ConfigureAwait(false);
        var cancelled = new CancellationToken(canceled: true);
        var isKept = false;
        try
        {
            _ = await store.Store.WriteAsync([new(claim, Add(1, "one")), new(claim, Add(2, "two"))], cancelled).ConfigureAwait(false);
            isKept = true;
        }
        catch (OperationCanceledException)
        {
            isKept = (await store.Store.ReadLinesAsync(claim, 0, 10).ConfigureAwait(false)).Count > 0;
        }

        try
        {
            _ = await store.Store.ReadLinesAsync(claim, 0, 10, cancelled).ConfigureAwait(false);
            _ = await store.Store.ClaimAsync("pump-2", cancelled).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // This answer is allowed too.
        }

        StoredLine[] lines = isKept ? [new(1, "one"), new(2, "two")] : [];
        _ = await store.KeepsAsync("pump-1", Empty(1) with { LastPosition = isKept ? 2 : 0 }, lines).ConfigureAwait(false);
    }
}
