using System.Diagnostics;
using System.Globalization;
using Rx.IotLink;
using Rx.IotLink.Sqlite;

namespace Stores;

/// <summary>How long each thing takes that a store is asked for.</summary>
internal static class Speed
{
    private const int BatchSize = 4_096;

    public static async Task RunAsync(SqliteSessionStoreOptions options, int devices, int lines, int bytes, CancellationToken cancellationToken)
    {
        if (File.Exists(options.Path))
            throw new SessionStoreException(options.Path, SessionStoreFault.Unavailable, "is there already", "Name a new file.");
        var store = SqliteSessionStore.Open(options);
        try
        {
            await WriteAsync(store, devices, lines, new string('x', bytes), cancellationToken);
            await Measure("copy to a new file", 1, "copies", () =>
            {
                store.Backup(options.Path + ".copy");
                return Task.CompletedTask;
            });
            File.Delete(options.Path + ".copy");
            await store.DisposeAsync();

            Console.WriteLine($"the file: {new FileInfo(options.Path).Length / 1e6:0} MB");
            await Measure("open, all checked", 1, "openings", () =>
            {
                store = SqliteSessionStore.Open(options);
                return Task.CompletedTask;
            });
            await store.DisposeAsync();
            await Measure("open, unchecked", 1, "openings", () =>
            {
                store = SqliteSessionStore.Open(new SqliteSessionStoreOptions { Path = options.Path, Durability = options.Durability, CheckAtOpen = false });
                return Task.CompletedTask;
            });
            await RemoveAsync(store, devices, cancellationToken);
        }
        finally
        {
            await store.DisposeAsync();
        }
    }

    private static async Task WriteAsync(SqliteSessionStore store, int devices, int lines, string text, CancellationToken cancellationToken)
    {
        var claims = await ClaimAsync(store, devices, cancellationToken);
        await store.WriteAsync([.. claims.Select(claimed => new SessionWrite(claimed.Claim, new(SessionRecordKind.Begin, Epoch: 1)))], cancellationToken);
        var batch = new SessionWrite[BatchSize];
        await Measure("add lines, in batches of 4,096", lines, "records", async () =>
        {
            for (var at = 0; at < lines; at += BatchSize)
            {
                for (var i = 0; i < BatchSize; i++)
                    batch[i] = new(claims[(at + i) % devices].Claim, new(SessionRecordKind.Add, 1 + ((at + i) / devices), Text: text));
                await store.WriteAsync(batch, cancellationToken);
            }
        });
        await Measure("accept, in batches of 4,096", lines, "records", async () =>
        {
            for (var at = 0; at < lines; at += BatchSize)
            {
                for (var i = 0; i < BatchSize; i++)
                    batch[i] = new(claims[(at + i) % devices].Claim, new(SessionRecordKind.Accept, Number: (ulong)(at + i), Epoch: 2));
                await store.WriteAsync(batch, cancellationToken);
            }
        });
        await Measure("accept, one record a batch", 200, "records", async () =>
        {
            for (var at = 0; at < 200; at++)
                await store.WriteAsync([new(claims[0].Claim, new(SessionRecordKind.Accept, Number: (ulong)at, Epoch: 2))], cancellationToken);
        });
    }

    private static async Task RemoveAsync(SqliteSessionStore store, int devices, CancellationToken cancellationToken)
    {
        var claims = new List<ClaimedSession>();
        await Measure("claim all", devices, "claims", async () => claims = await ClaimAsync(store, devices, cancellationToken));
        var waiting = claims.Sum(claimed => claimed.Memory!.Waiting);
        await Measure("read all, 256 at a time", waiting, "lines", async () =>
        {
            foreach (var (claim, _) in claims)
            {
                for (var after = 0L; await store.ReadLinesAsync(claim, after, 256, cancellationToken) is { Count: > 0 } read; after = read[^1].Position)
                {
                }
            }
        });
        await Measure("remove through, 256 lines each, 16 a batch", waiting, "lines", async () =>
        {
            var records = claims.SelectMany(claimed => Enumerable.Range(1, (int)((claimed.Memory!.LastPosition + 255) / 256))
                .Select(step => new SessionWrite(claimed.Claim, new(SessionRecordKind.RemoveThrough, step * 256, (ulong)step * 256))));
            foreach (var batch in records.Chunk(16))
                await store.WriteAsync(batch, cancellationToken);
        });
    }

    private static async Task<List<ClaimedSession>> ClaimAsync(SqliteSessionStore store, int devices, CancellationToken cancellationToken)
    {
        var claims = new List<ClaimedSession>();
        for (var device = 1; device <= devices; device++)
            claims.Add(await store.ClaimAsync(string.Create(CultureInfo.InvariantCulture, $"device-{device}"), cancellationToken));
        return claims;
    }

    private static async Task Measure(string what, long count, string unit, Func<Task> work)
    {
        var started = Stopwatch.GetTimestamp();
        await work();
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {seconds:0.000} s, {count / seconds:#,0} {unit}/s"));
    }
}
