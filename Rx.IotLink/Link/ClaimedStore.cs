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
    public static async ValueTask<(SessionClaim Claim, KeptSession Kept)> OpenAsync(ISessionStore store, string id, CancellationToken cancellationToken)
    {
        var (claim, memory) = await store.ClaimAsync(id, cancellationToken).ConfigureAwait(false);
        var lines = new List<StoredLine>();
        for (var more = memory.Waiting > 0; more && lines.Count < MayHaveBeenSent;)
        {
            var piece = await store.ReadLinesAsync(claim, lines.Count > 0 ? lines[^1].Position : 0, Piece, cancellationToken).ConfigureAwait(false);
            lines.AddRange(piece);
            more = piece.Count == Piece;
        }

        IReadOnlyList<StoredKey> keys = memory.Waiting > lines.Count
            ? await store.ReadKeysAsync(claim, lines.Count > 0 ? lines[^1].Position : 0, cancellationToken).ConfigureAwait(false)
            : [];
        return (claim, new(memory, lines, keys));
    }
}
