using static Rx.IotLink.Testing.Stores.Records;

namespace Rx.IotLink.Testing.Stores;

/// <summary>Checks of repeated records, and of long random lives compared with a simple model.</summary>
internal static class ReplayChecks
{
    private const int Seeds = 20;

    public static IEnumerable<(string Name, Func<StoreSubject, Task> Check)> All =>
    [
        ("Each kind of record changes nothing when it comes again", EachAsync),
        ("A memory that is forgotten twice is forgotten, and nobody is fenced out by it", ForgottenAsync),
        ("Random lives hold what a plain model holds, whatever part of their end comes again", RandomAsync),
    ];

    private static async Task EachAsync(StoreSubject store)
    {
        var claim = await store.ClaimAsync().ConfigureAwait(false);
        foreach (var record in new[] { Begin(3), Connect(4), Add(1, "one"), Add(2, "two"), Add(3, "three"), Add(4, "four"), Remove(2), RemoveThrough(1, 1), Accept(5, 6) })
        {
            await store.WriteAsync(claim, record).ConfigureAwait(false);
            await store.WriteAsync(claim, record, record).ConfigureAwait(false);
        }

        var memory = Empty(3) with { First = 2, PeerEpoch = 5, Accepted = 6, Connections = 4, LastPosition = 4 };
        _ = await store.KeepsAsync("pump-1", memory, new(3, "three"), new(4, "four")).ConfigureAwait(false);
    }

    private static async Task ForgottenAsync(StoreSubject store)
    {
        var claim = await store.BeginAsync().ConfigureAwait(false);
        SessionWrite[] batch = [new(claim, Add(1, "one")), new(claim, Connect(2)), new(claim, Forget())];
        await store.WriteAsync(batch).ConfigureAwait(false);
        await store.WriteAsync(batch).ConfigureAwait(false);
        await store.WriteAsync(claim, Forget()).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", null).ConfigureAwait(false);
    }

    private static async Task RandomAsync(StoreSubject store)
    {
        for (var seed = 1; seed <= Seeds; seed++)
        {
            var random = new Random(seed);
            var lives = Enumerable.Range(1, 3).Select(i => new RandomLife($"pump-{seed}-{i}", random)).ToArray();
            for (var step = 0; step < 30; step++)
            {
                foreach (var life in lives.Where(life => life.NeedsClaim))
                    life.Claim = await store.ClaimAsync(life.Id).ConfigureAwait(false);
                await store.WriteAsync([.. lives.SelectMany(life => life.Next())]).ConfigureAwait(false);
                SessionWrite[] again = [.. lives.SelectMany(life => life.Again())];
                if (again.Length > 0)
                    await store.WriteAsync(again).ConfigureAwait(false);
                if (random.Next(5) > 0)
                    continue;
                if (random.Next(3) == 0)
                    await store.ReopenAsync().ConfigureAwait(false);
                foreach (var life in lives)
                    life.Claim = await store.HasAsync(life.Id, life.Model.Memory, life.Model.Lines).ConfigureAwait(false);
            }
        }
    }
}
