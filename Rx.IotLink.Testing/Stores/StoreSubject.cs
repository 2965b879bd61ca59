using System.Globalization;

namespace Rx.IotLink.Testing.Stores;

/// <summary>The store that a check tests.</summary>
internal sealed class StoreSubject : IAsyncDisposable
{
    private readonly Func<string, ISessionStore> open;
    private readonly string check;
    private readonly string name;

    public StoreSubject(Func<string, ISessionStore> open, string check)
    {
        (this.open, this.check) = (open, check);
        // Letters, digits and hyphens are valid in the name of a file or a table.
        name = string.Concat(check.Select(c => char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : '-'));
        Store = open(name);
    }

    public ISessionStore Store { get; private set; }

    public async Task ReopenAsync()
    {
        await DisposeAsync().ConfigureAwait(false);
        Store = open(name);
    }

    /// <summary>Claims an id, without further expectations.</summary>
    public async Task<SessionClaim> ClaimAsync(string id = "pump-1") => (await Store.ClaimAsync(id).ConfigureAwait(false)).Claim;

    /// <summary>Claims an id and begins an epoch.</summary>
    public async Task<SessionClaim> BeginAsync(string id = "pump-1", ulong epoch = 1)
    {
        var claim = await ClaimAsync(id).ConfigureAwait(false);
        await WriteAsync(claim, new SessionRecord(SessionRecordKind.Begin, Epoch: epoch)).ConfigureAwait(false);
        return claim;
    }

    /// <summary>Writes a batch of one claim, which must not be fenced out.</summary>
    public Task WriteAsync(SessionClaim claim, params SessionRecord[] records) => WriteAsync([.. records.Select(record => new SessionWrite(claim, record))]);

    /// <summary>Writes a batch of which no claim may be fenced out.</summary>
    public async Task WriteAsync(IReadOnlyList<SessionWrite> batch)
    {
        var fenced = await Store.WriteAsync(batch).ConfigureAwait(false);
        Check(fenced.Count == 0, $"{fenced.Count} claims are said to be fenced out, and none is");
    }

    /// <summary>
    /// Checks the memory and lines of an id (null: none), now and after the store was closed and opened again.
    /// </summary>
    /// <returns>A claim in the store that is open now.</returns>
    public async Task<SessionClaim> KeepsAsync(string id, SessionMemory? memory, params StoredLine[] lines)
    {
        _ = await HasAsync(id, memory, lines).ConfigureAwait(false);
        await ReopenAsync().ConfigureAwait(false);
        return await HasAsync(id, memory, lines).ConfigureAwait(false);
    }

    /// <summary>Checks the memory and lines of an id.</summary>
    /// <returns>The claim that was used.</returns>
    public async Task<SessionClaim> HasAsync(string id, SessionMemory? memory, params StoredLine[] lines)
    {
        var claimed = await Store.ClaimAsync(id).ConfigureAwait(false);
        var expected = (memory ?? SessionMemory.Empty) with { Waiting = lines.Length, WaitingBytes = lines.Sum(line => (long)System.Text.Encoding.UTF8.GetByteCount(line.Text)) };
        Equal(expected, claimed.Memory, "the memory");
        Same(lines, await Store.ReadLinesAsync(claimed.Claim, after: 0, lines.Length + 1).ConfigureAwait(false));
        return claimed.Claim;
    }

    public void Check(bool holds, FormattableString found)
    {
        if (!holds)
            throw new SessionStoreContractException(check, found.ToString(CultureInfo.InvariantCulture) + ".");
    }

    public void Equal<T>(T expected, T found, string what) =>
        Check(EqualityComparer<T>.Default.Equals(expected, found), $"{what} is {Shown(found)}, and must be {Shown(expected)}");

    /// <summary>
    /// Checks that lines are the same. The message does not show a text: it may be long, and contain anything.
    /// </summary>
    public void Same(IReadOnlyList<StoredLine> expected, IReadOnlyList<StoredLine> found)
    {
        for (var at = 0; at < Math.Min(expected.Count, found.Count); at++)
        {
            var (one, other) = (expected[at], found[at]);
            Equal(one.Position, other.Position, $"the position of line {at} of those read");
            Check(string.Equals(one.Text, other.Text, StringComparison.Ordinal),
                $"the text at position {one.Position} has {other.Text.Length} characters, which are not the {one.Text.Length} that were written");
            Equal(one.Expires?.UtcTicks, other.Expires?.UtcTicks, $"the end of the line at position {one.Position} (UtcTicks)");
            Equal(one.Key, other.Key, $"the key of the line at position {one.Position}");
        }

        Equal(expected.Count, found.Count, "the number of lines read");
    }

    public async ValueTask DisposeAsync()
    {
        if (Store is IAsyncDisposable later)
            await later.DisposeAsync().ConfigureAwait(false);
        else
            (Store as IDisposable)?.Dispose();
    }

    private static string Shown<T>(T value) => value is null ? "none" : $"{value}";
}
