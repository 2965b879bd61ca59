using static Rx.IotLink.Testing.Stores.Records;

namespace Rx.IotLink.Testing.Stores;

/// <summary>Checks of batches that fail.</summary>
internal static class FailureChecks
{
    public static IEnumerable<(string Name, Func<StoreSubject, Task> Check)> All(Func<ISessionStore, IDisposable> breakStore) =>
    [
        ("Of a batch that fails nothing is kept, and it can be written again", store => FailsAsync(store, breakStore)),
    ];

    private static async Task FailsAsync(StoreSubject store, Func<ISessionStore, IDisposable> breakStore)
    {
        var claim = await store.BeginAsync().ConfigureAwait(false);
        var other = await store.BeginAsync("pump-2").ConfigureAwait(false);
        await store.WriteAsync(claim, Add(1, "one"), Add(2, "two")).ConfigureAwait(false);
        SessionWrite[] batch =
        [
            new(claim, RemoveThrough(1, 1)), new(claim, Accept(9, 9)), new(other, Begin(7)),
            .. Enumerable.Range(3, 2_000).Select(i => new SessionWrite(claim, Add(i, new string('x', 1_000)))), new(claim, Connect(9)), new(other, Connect(9)),
        ];

        for (var time = 0; time < 3; time++)
        {
            using (breakStore(store.Store))
            {
                try
                {
                    _ = await store.Store.WriteAsync(batch).ConfigureAwait(false);
                    store.Check(false, $"the batch was kept, though the store was to fail");
                }
                catch (SessionStoreException)
                {
                    // This is the expected result.
                }
            }

            store.Same([new(1, "one"), new(2, "two")], await store.Store.ReadLinesAsync(claim, 0, 10).ConfigureAwait(false));
        }

        await store.WriteAsync(batch).ConfigureAwait(false);
        await store.ReopenAsync().ConfigureAwait(false);
        _ = await store.HasAsync("pump-2", Empty(7) with { Connections = 9 }).ConfigureAwait(false);
        var memory = Empty(1) with { First = 2, PeerEpoch = 9, Accepted = 9, Connections = 9, LastPosition = 2_002 };
        _ = await store.HasAsync("pump-1", memory, [new(2, "two"), .. Enumerable.Range(3, 2_000).Select(i => new StoredLine(i, new string('x', 1_000)))])
            .ConfigureAwait(false);
    }
}
