using Rx.IotLink.Protocol;

namespace Rx.IotLink;

/// <summary>
/// The answers of a session store, held to the rules of what was written (<see cref="StoredRules"/>). One that breaks a
/// rule is a failure of the store: it is never used in part.
/// </summary>
internal static class CheckedAnswers
{
    private const string Restore = "Correct it in the store, or restore a backup.";

    /// <summary>A claim and its memory.</summary>
    /// <exception cref="SessionStoreException">A rule is broken.</exception>
    public static ClaimedSession Of(ClaimedSession? claimed, string id)
    {
        var shown = Printable.Of(id);
        if (claimed is null)
            throw Damaged(id, $"gives nothing for the claim of '{shown}'");
        if (claimed.Memory is null)
            throw Damaged(id, $"gives no memory for the claim of '{shown}'");
        if (claimed.Claim.Id != id)
            throw Damaged(id, $"gives a claim of '{Printable.Of(claimed.Claim.Id ?? "")}' for that of '{shown}'");
        return StoredRules.FaultOf(claimed.Memory) is { } fault ? throw Damaged(id, fault) : claimed;
    }

    /// <summary>Lines that were read.</summary>
    /// <param name="lines">What the store gave.</param>
    /// <param name="id">The device.</param>
    /// <param name="after">The position behind which it was to read.</param>
    /// <param name="most">The most lines that it was to give.</param>
    /// <param name="last">The greatest position of a written line.</param>
    /// <param name="maxLineBytes">The longest line.</param>
    /// <exception cref="SessionStoreException">A rule is broken.</exception>
    public static IReadOnlyList<StoredLine> Of(IReadOnlyList<StoredLine>? lines, string id, long after, int most, long last, int maxLineBytes)
    {
        if (lines is null)
            throw Damaged(id, "gives nothing when its lines are read");
        if (lines.Count > most)
            throw Damaged(id, $"gives {lines.Count} lines, and {most} were asked for");
        foreach (var line in lines)
        {
            if (StoredRules.FaultOf(line, id, after, last, maxLineBytes) is { } fault)
                throw Damaged(id, fault, IsLong(line, maxLineBytes) ? $"If it was written with a greater {nameof(LinkOptions.MaxLineBytes)}, set that again; otherwise restore a backup." : Restore);
            after = line.Position;
        }

        return lines;
    }

    /// <summary>Keys that were read.</summary>
    /// <exception cref="SessionStoreException">A rule is broken.</exception>
    public static IReadOnlyList<StoredKey> Of(IReadOnlyList<StoredKey>? keys, string id, long after, long last)
    {
        if (keys is null)
            throw Damaged(id, "gives nothing when its keys are read");
        foreach (var key in keys)
        {
            if (StoredRules.FaultOf(key, id, after, last) is { } fault)
                throw Damaged(id, fault);
            after = key.Position;
        }

        return keys;
    }

    /// <summary>Claims that are fenced out.</summary>
    /// <exception cref="SessionStoreException">
    /// There is no answer, so nobody knows whether the batch is kept.
    /// </exception>
    public static IReadOnlyCollection<SessionClaim> Of(IReadOnlyCollection<SessionClaim>? fenced) => fenced ?? throw new SessionStoreException(
        "of this link", SessionStoreFault.Unavailable, "gives nothing when a batch is written", "It is written again; correct the store.");

    /// <summary>As many lines must be there as the memory says: no line is counted that never comes.</summary>
    /// <exception cref="SessionStoreException">There are others.</exception>
    public static void Count(int read, long waiting, bool isAll, string id)
    {
        if (read > waiting)
            throw Damaged(id, MoreThanWait(id, waiting));
        if (isAll && read < waiting)
            throw Damaged(id, $"gives {read} lines of '{Printable.Of(id)}', and says that {waiting} wait", "If another process has claimed it meanwhile, end that one; otherwise restore a backup.");
    }

    /// <summary>Lines came back that were removed, or were never written.</summary>
    public static SessionStoreException MoreThanWait(string id) => Damaged(id, $"gives more lines of '{Printable.Of(id)}' than wait");

    private static string MoreThanWait(string id, long waiting) => $"gives more lines of '{Printable.Of(id)}' than the {waiting} that it says wait";

    private static bool IsLong(in StoredLine line, int maxLineBytes) => line.Text is { } text && Utf8.ByteCount(text) > maxLineBytes;

    private static SessionStoreException Damaged(string id, string detail, string remedy = Restore) =>
        new($"of '{Printable.Of(id)}'", SessionStoreFault.Damaged, detail, remedy);
}
