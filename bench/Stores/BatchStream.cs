using System.Globalization;
using Rx.IotLink;
using Rx.IotLink.Sqlite;

namespace Stores;

/// <summary>
/// An endless stream of batches that can be checked: batch N adds line N of each device, accepts number N of each one's
/// peer, and removes all but the last lines. So a store that kept each batch wholly or not at all holds the same N
/// everywhere.
/// </summary>
internal static class BatchStream
{
    private const int Waiting = 10;
    private const ulong Epoch = 0xFEDC_BA98_7654_3210;
    private const ulong PeerEpoch = 0x8000_0000_0000_0001;

    /// <summary>
    /// Goes on where the file ends, until it is cancelled or killed; the number of each kept batch is printed.
    /// </summary>
    public static async Task RunAsync(SqliteSessionStoreOptions options, int devices, TextWriter output, CancellationToken cancellationToken)
    {
        await using var store = SqliteSessionStore.Open(options);
        await output.WriteLineAsync("open");
        await WriteAsync(store, devices, long.MaxValue, async number =>
        {
            await output.WriteLineAsync(number.ToString(CultureInfo.InvariantCulture).AsMemory(), cancellationToken);
            await output.FlushAsync(cancellationToken);
        }, cancellationToken);
    }

    /// <summary>Writes batches up to one, from where the store ends; says of each one that it is kept.</summary>
    public static async Task WriteAsync(ISessionStore store, int devices, long last, Func<long, Task>? kept = null, CancellationToken cancellationToken = default)
    {
        var claims = await ClaimAsync(store, devices, cancellationToken);
        for (var number = Last(claims) + 1; number <= last; number++)
        {
            var batch = claims.SelectMany(claimed => Records(claimed.Claim, number)).ToArray();
            if (await store.WriteAsync(batch, cancellationToken) is { Count: > 0 })
                throw new InvalidOperationException("Fenced out, with nobody else there.");
            if (kept is not null)
                await kept(number);
        }
    }

    /// <summary>Finds what is not as the last batch left it.</summary>
    /// <returns>The number of the last batch; 0: there was none.</returns>
    /// <exception cref="InvalidDataException">A batch is there in part, or something of it is wrong.</exception>
    public static async Task<long> CheckAsync(ISessionStore store, int devices, bool isCopy = false)
    {
        var claims = await ClaimAsync(store, devices, CancellationToken.None);
        var last = Last(claims);
        foreach (var (claim, memory) in claims)
        {
            var oldest = Math.Max(1, last - Waiting + 1);
            var texts = Enumerable.Range((int)oldest, (int)(last - oldest + 1)).Select(number => Text(claim.Id, number)).ToArray();
            var expected = last == 0 ? SessionMemory.Empty : new SessionMemory(
                Epoch, (ulong)oldest, PeerEpoch, (ulong)last, Connections: 0, last, texts.Length, texts.Sum(text => text.Length));
            // A copy begins new epochs.
            if (memory != (isCopy ? expected with { Epoch = memory.Epoch, First = 1 } : expected))
                throw new InvalidDataException($"Device {claim.Id} has {memory}, not {expected}.");
            var lines = await store.ReadLinesAsync(claim, after: 0, int.MaxValue);
            if (!lines.Select(line => line.Text).SequenceEqual(texts) || !lines.Select(line => line.Position).SequenceEqual(texts.Select((_, at) => oldest + at)))
                throw new InvalidDataException($"Device {claim.Id} has the lines {string.Join(' ', lines)}, not {string.Join(' ', texts)}.");
        }

        return last;
    }

    private static async Task<List<ClaimedSession>> ClaimAsync(ISessionStore store, int devices, CancellationToken cancellationToken)
    {
        var claims = new List<ClaimedSession>();
        for (var device = 1; device <= devices; device++)
            claims.Add(await store.ClaimAsync(string.Create(CultureInfo.InvariantCulture, $"device-{device}"), cancellationToken));
        return claims;
    }

    private static long Last(List<ClaimedSession> claims) => claims[0].Memory?.LastPosition ?? 0;

    private static string Text(string id, long number) => string.Create(CultureInfo.InvariantCulture, $"{id}: {number}");

    private static IEnumerable<SessionWrite> Records(SessionClaim claim, long number)
    {
        if (number == 1)
            yield return new(claim, new(SessionRecordKind.Begin, Epoch: Epoch));
        yield return new(claim, new(SessionRecordKind.Add, number, Text: Text(claim.Id, number)));
        yield return new(claim, new(SessionRecordKind.Accept, Number: (ulong)number, Epoch: PeerEpoch));
        if (number > Waiting)
            yield return new(claim, new(SessionRecordKind.RemoveThrough, number - Waiting, (ulong)(number - Waiting)));
    }
}
