using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Stores;

/// <summary>A store whose answers are not what was kept: something else wrote into it, or it has a fault.</summary>
internal sealed class LyingStore : ISessionStore
{
    public MemorySessionStore Kept { get; } = new();

    /// <summary>Only the claims of this id are changed; null: of all.</summary>
    public string? Of { get; init; }

    /// <summary>What becomes of a claim.</summary>
    public Func<ClaimedSession, ClaimedSession>? Claimed { get; set; }

    /// <summary>What becomes of lines that are read, from behind a position.</summary>
    public Func<IReadOnlyList<StoredLine>, long, IReadOnlyList<StoredLine>>? Read { get; set; }

    /// <summary>What becomes of keys that are read.</summary>
    public Func<IReadOnlyList<StoredKey>, IReadOnlyList<StoredKey>>? ReadKeys { get; set; }

    /// <summary>Whether a batch is answered with null.</summary>
    public bool AnswersNull { get; set; }

    public async ValueTask<ClaimedSession> ClaimAsync(string id, CancellationToken cancellationToken = default)
    {
        var claimed = await Kept.ClaimAsync(id, cancellationToken).ConfigureAwait(false);
        return IsMeant(id) && Claimed is { } change ? change(claimed) : claimed;
    }

    public async ValueTask<IReadOnlyCollection<SessionClaim>> WriteAsync(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken = default) =>
        AnswersNull ? null! : await Kept.WriteAsync(batch, cancellationToken).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<StoredLine>> ReadLinesAsync(SessionClaim claim, long after, int count, CancellationToken cancellationToken = default)
    {
        var lines = await Kept.ReadLinesAsync(claim, after, count, cancellationToken).ConfigureAwait(false);
        return IsMeant(claim.Id) && Read is { } change ? change(lines, after) : lines;
    }

    public async ValueTask<IReadOnlyList<StoredKey>> ReadKeysAsync(SessionClaim claim, long after, CancellationToken cancellationToken = default)
    {
        var keys = (await Kept.ReadLinesAsync(claim, after, int.MaxValue, cancellationToken).ConfigureAwait(false))
            .Where(line => line.Key is not null).Select(line => new StoredKey(line.Key!, line.Position, line.Text.Length)).ToArray();
        return ReadKeys is { } change ? change(keys) : keys;
    }

    private bool IsMeant(string id) => Of is null || Of == id;
}
