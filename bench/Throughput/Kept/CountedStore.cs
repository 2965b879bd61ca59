using System.Diagnostics;
using Rx.IotLink;

namespace Throughput.Kept;

/// <summary>
/// Counts what a store writes. The meter of the library has the same figures, and passes each through a thread of
/// observers: beside a store in memory that would be a good part of what is measured.
/// </summary>
internal sealed class CountedStore(ISessionStore store, Commits commits) : ISessionStore
{
    public bool IsShared => store.IsShared;

    public async ValueTask<IReadOnlyCollection<SessionClaim>> WriteAsync(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken = default)
    {
        // Before the call: the list is the journal's again when it has ended.
        var records = batch.Count;
        var began = Stopwatch.GetTimestamp();
        var fenced = await store.WriteAsync(batch, cancellationToken);
        commits.Add(records, Stopwatch.GetElapsedTime(began));
        return fenced;
    }

    public ValueTask<ClaimedSession> ClaimAsync(string id, CancellationToken cancellationToken = default) => store.ClaimAsync(id, cancellationToken);

    public ValueTask<bool> IsFencedOutAsync(SessionClaim claim, CancellationToken cancellationToken = default) =>
        store.IsFencedOutAsync(claim, cancellationToken);

    public ValueTask<IReadOnlyList<StoredLine>> ReadLinesAsync(SessionClaim claim, long after, int count, CancellationToken cancellationToken = default) =>
        store.ReadLinesAsync(claim, after, count, cancellationToken);

    public ValueTask<IReadOnlyList<StoredKey>> ReadKeysAsync(SessionClaim claim, long after, CancellationToken cancellationToken = default) =>
        store.ReadKeysAsync(claim, after, cancellationToken);
}
