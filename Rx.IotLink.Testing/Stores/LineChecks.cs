using static Rx.IotLink.Testing.Stores.Records;

namespace Rx.IotLink.Testing.Stores;

/// <summary>Checks of lines.</summary>
internal static class LineChecks
{
    public static IEnumerable<(string Name, Func<StoreSubject, Task> Check)> All =>
    [
        ("Lines are read in the order of their positions, gaps and all", OrderAsync),
        ("Lines are read after a position, and no more than are wanted", PiecesAsync),
        ("A line is removed, and no number changes", RemovesAsync),
        ("Lines are removed through a position, and the first number is the next one", RemovesThroughAsync),
        ("The last position stays when no line waits", LastPositionAsync),
        ("Lines wait though no epoch has begun, and stay when one begins", NoEpochAsync),
        ("A line keeps its end, to 100 ns", ExpiresAsync),
        ("A line keeps its key, and keys are read without texts", KeysAsync),
        ("A line may hold any text but LF", TextsAsync),
        ("A line may be long", LongAsync),
        ("A hundred thousand lines are read in pieces, beside batches that are written", ManyAsync),
    ];

    private static async Task OrderAsync(StoreSubject store)
    {
        var claim = await store.BeginAsync().ConfigureAwait(false);
        StoredLine[] lines = [new(1, "b"), new(2, "a"), new(9, "B"), new(10, ""), new(11, "a"), new(255, "x"), new(256, "y"), new(1L << 40, "z")];
        foreach (var two in lines.Chunk(2))
            await store.WriteAsync(claim, [.. two.Select(Add)]).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", Empty(1) with { LastPosition = 1L << 40 }, lines).ConfigureAwait(false);
    }

    private static async Task NoEpochAsync(StoreSubject store)
    {
        var claim = await store.ClaimAsync().ConfigureAwait(false);
        await store.WriteAsync(claim, Add(1, "one"), Add(2, "two"), Remove(1)).ConfigureAwait(false);
        claim = await store.KeepsAsync("pump-1", SessionMemory.Empty with { LastPosition = 2 }, new StoredLine(2, "two")).ConfigureAwait(false);
        await store.WriteAsync(claim, Begin(7)).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", Empty(7) with { LastPosition = 2 }, new StoredLine(2, "two")).ConfigureAwait(false);
    }

    private static async Task PiecesAsync(StoreSubject store)
    {
        var claim = await store.BeginAsync().ConfigureAwait(false);
        StoredLine[] lines = [.. Enumerable.Range(1, 10).Select(i => new StoredLine(2 * i, $"line {i}"))];
        await store.WriteAsync(claim, [.. lines.Select(Add)]).ConfigureAwait(false);
        foreach (var after in new[] { 0, 1, 2, 3, 10, 19, 20, 21 })
        {
            foreach (var count in new[] { 1, 2, 10, int.MaxValue })
            {
                var read = await store.Store.ReadLinesAsync(claim, after, count).ConfigureAwait(false);
                store.Same([.. lines.Where(line => line.Position > after).Take(count)], read);
            }
        }
    }

    private static async Task RemovesAsync(StoreSubject store)
    {
        var claim = await store.BeginAsync().ConfigureAwait(false);
        await store.WriteAsync(claim, Add(1, "one"), Add(2, "two"), Add(3, "three"), Add(4, "four"), RemoveThrough(1, 1)).ConfigureAwait(false);
        await store.WriteAsync(claim, Remove(3), Remove(77)).ConfigureAwait(false);
        var memory = Empty(1) with { First = 2, LastPosition = 4 };
        claim = await store.KeepsAsync("pump-1", memory, new(2, "two"), new(4, "four")).ConfigureAwait(false);
        await store.WriteAsync(claim, Remove(2), Remove(4), Remove(4)).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", memory).ConfigureAwait(false);
    }

    private static async Task RemovesThroughAsync(StoreSubject store)
    {
        var claim = await store.BeginAsync().ConfigureAwait(false);
        await store.WriteAsync(claim, Add(1, "one"), Add(2, "two"), Add(5, "five"), Add(6, "six")).ConfigureAwait(false);
        await store.WriteAsync(claim, RemoveThrough(5, 3)).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", Empty(1) with { First = 4, LastPosition = 6 }, new StoredLine(6, "six")).ConfigureAwait(false);
    }

    private static async Task LastPositionAsync(StoreSubject store)
    {
        var claim = await store.BeginAsync().ConfigureAwait(false);
        await store.WriteAsync(claim, Add(1, "one"), Add(2, "two"), RemoveThrough(2, 2)).ConfigureAwait(false);
        claim = await store.KeepsAsync("pump-1", Empty(1) with { First = 3, LastPosition = 2 }).ConfigureAwait(false);
        await store.WriteAsync(claim, Add(3, "three"), Remove(3)).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", Empty(1) with { First = 3, LastPosition = 3 }).ConfigureAwait(false);
    }

    private static async Task ExpiresAsync(StoreSubject store)
    {
        var claim = await store.BeginAsync().ConfigureAwait(false);
        StoredLine[] lines =
        [
            new(1, "never"), new(2, "exactly", new(2026, 11, 27, 8, 40, 17, TimeSpan.Zero)), new(3, "elsewhere", new(2026, 11, 27, 8, 40, 17, TimeSpan.FromHours(5))),
            new(4, "a moment later", DateTimeOffset.UnixEpoch.AddTicks(1)), new(5, "before", DateTimeOffset.UnixEpoch.AddTicks(-1)),
            new(6, "last", DateTimeOffset.MaxValue), new(7, "first", DateTimeOffset.MinValue),
        ];
        await store.WriteAsync(claim, [.. lines.Select(Add)]).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", Empty(1) with { LastPosition = 7 }, lines).ConfigureAwait(false);
    }

    private static async Task KeysAsync(StoreSubject store)
    {
        var claim = await store.BeginAsync().ConfigureAwait(false);
        StoredLine[] lines =
        [
            new(1, "of none"), new(2, "é", Key: "a"), new(3, "gone", Key: "b"), new(5, "of both", DateTimeOffset.UnixEpoch, "B"),
            new(6, "again", Key: "a"), new(7, "", Key: "ключ ' \"\0")
        ];
        await store.WriteAsync(claim, [.. lines.Select(Add), Remove(3)]).ConfigureAwait(false);
        claim = await store.KeepsAsync("pump-1", Empty(1) with { LastPosition = 7 }, [.. lines.Where(line => line.Position != 3)]).ConfigureAwait(false);

        StoredKey[] keys = [new("a", 2, 2), new("B", 5, 7), new("a", 6, 5), new("ключ ' \"\0", 7, 0)];
        foreach (var after in new[] { 0, 2, 5, 7 })
        {
            var read = await store.Store.ReadKeysAsync(claim, after).ConfigureAwait(false);
            store.Check(read.SequenceEqual(keys.Where(key => key.Position > after)), $"the keys after position {after} are {string.Join(", ", read)}");
        }

        _ = await store.ClaimAsync().ConfigureAwait(false);
        var fenced = await store.Store.ReadKeysAsync(claim, after: 0).ConfigureAwait(false);
        store.Check(fenced.Count == 0, $"a claim that is fenced out reads {fenced.Count} keys");
    }

    private static async Task TextsAsync(StoreSubject store)
    {
        var claim = await store.BeginAsync().ConfigureAwait(false);
        string[] texts =
        [
            "", " ", "\0", "a\0b", "\0\0", "'", "\"", "\\", "\\0", "%_", "NULL", "0x41", "\uFEFFmark", "e\u0301", "\u00E9", "日本語", "😀👩‍👩‍👧", "\u2028\u202E\uFFFD\uFFFF",
            "\t\r\u0001\u001b[31m\u007F\u0085", new([.. Enumerable.Range(0, 0xD800).Select(c => (char)c).Where(c => c != '\n')]), char.ConvertFromUtf32(0x10FFFF), "1", "1.0", " 1", "1e3", "-0",
        ];
        StoredLine[] lines = [.. texts.Select((text, at) => new StoredLine(at + 1, text))];
        await store.WriteAsync(claim, [.. lines.Select(Add)]).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", Empty(1) with { LastPosition = texts.Length }, lines).ConfigureAwait(false);
    }

    private static async Task LongAsync(StoreSubject store)
    {
        var claim = await store.BeginAsync().ConfigureAwait(false);
        StoredLine[] lines = [new(1, new string('x', 1 << 20)), new(2, "short"), new(3, string.Concat(Enumerable.Repeat("é日😀", 1 << 16))), new(4, new string('\0', 1 << 20))];
        await store.WriteAsync(claim, [.. lines.Select(Add)]).ConfigureAwait(false);
        claim = await store.KeepsAsync("pump-1", Empty(1) with { LastPosition = 4 }, lines).ConfigureAwait(false);
        await store.WriteAsync(claim, Remove(1), Remove(3)).ConfigureAwait(false);
        _ = await store.KeepsAsync("pump-1", Empty(1) with { LastPosition = 4 }, lines[1], lines[3]).ConfigureAwait(false);
    }

    private static async Task ManyAsync(StoreSubject store)
    {
        const int count = 100_000;
        var claim = await store.BeginAsync().ConfigureAwait(false);
        var other = await store.BeginAsync("pump-2").ConfigureAwait(false);
        foreach (var batch in Enumerable.Range(1, count).Chunk(4_096))
            await store.WriteAsync(claim, [.. batch.Select(i => Add(i, $"line {i}"))]).ConfigureAwait(false);

        var writing = Task.Run(async () =>
        {
            for (var i = 1; i <= 100; i++)
                await store.WriteAsync(other, Add(i, "beside")).ConfigureAwait(false);
        });
        var last = 0L;
        while (await store.Store.ReadLinesAsync(claim, last, 1_000).ConfigureAwait(false) is { Count: > 0 } read)
        {
            store.Same([.. Enumerable.Range((int)last + 1, read.Count).Select(i => new StoredLine(i, $"line {i}"))], read);
            last = read[^1].Position;
        }

        await writing.ConfigureAwait(false);
        store.Equal(count, last, "the last position read");
        await store.ReopenAsync().ConfigureAwait(false);
        var claimed = await store.Store.ClaimAsync("pump-1").ConfigureAwait(false);
        store.Equal(count, claimed.Memory?.Waiting, "the number of lines that wait");
        await store.WriteAsync(claimed.Claim, RemoveThrough(count - 1, count - 1)).ConfigureAwait(false);
        _ = await store.HasAsync("pump-1", Empty(1) with { First = count, LastPosition = count }, new StoredLine(count, $"line {count}")).ConfigureAwait(false);
    }
}
