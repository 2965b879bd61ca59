using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;

namespace Rx.IotLink;

/// <summary>The memory of one link in a store: claimed, and read.</summary>
internal static class ClaimedStore
{
    /// <summary>The lines of one read.</summary>
    private const int Piece = 4_096;

    /// <summary>
    /// The most lines that an earlier process may have sent: their numbers must be known. A multiple of one read.
    /// </summary>
    private const int MayHaveBeenSent = SessionOffer.MaxWindow;

    /// <summary>Claims the memory of a device, and reads the lines that wait.</summary>
    /// <remarks>
    /// That is not one transaction. But a claim that a later one has fenced out in between, or that was lost with a
    /// failover, reads nothing; then fewer lines come than the memory says, and nothing of it is used.
    /// </remarks>
    /// <exception cref="SessionStoreException">
    /// The store cannot be used, or what it gives was never written so; nothing of it is used.
    /// </exception>
    public static async ValueTask<(SessionClaim Claim, KeptSession Kept)> OpenAsync(ISessionStore store, string id, int maxLineBytes, CancellationToken cancellationToken)
    {
        var (claim, memory) = CheckedAnswers.Of(await store.ClaimAsync(id, cancellationToken).ConfigureAwait(false), id);
        var lines = new List<StoredLine>();
        for (var more = memory.Waiting > 0; more && lines.Count < MayHaveBeenSent;)
        {
            var after = lines.Count > 0 ? lines[^1].Position : 0;
            var piece = await store.ReadLinesAsync(claim, after, Piece, cancellationToken).ConfigureAwait(false);
            lines.AddRange(CheckedAnswers.Of(piece, id, after, Piece, memory.LastPosition, maxLineBytes));
            more = piece.Count == Piece;
        }

        CheckedAnswers.Count(lines.Count, memory.Waiting, isAll: lines.Count < MayHaveBeenSent, id);
        var last = lines.Count > 0 ? lines[^1].Position : 0;
        IReadOnlyList<StoredKey> keys = memory.Waiting > lines.Count
            ? CheckedAnswers.Of(await store.ReadKeysAsync(claim, last, cancellationToken).ConfigureAwait(false), id, last, memory.LastPosition)
            : [];
        return (claim, new(memory, lines, keys));
    }
}
