using Rx.IotLink.Nats.Received;

namespace Rx.IotLink.Nats.Log;

/// <summary>What this process knows of the log of one device. One call at a time uses it.</summary>
internal sealed class Session(DeviceLogs logs, InboxStream inbox, string id)
{
    /// <summary>A log is said anew when it has so many messages more than that takes.</summary>
    private const int MostBehind = 64;

    private const int MostAttempts = 8;

    private readonly DeviceInbox received = new(inbox, id);
    private LogState? state;

    /// <summary>Whoever has it uses the session.</summary>
    public SemaphoreSlim Turn { get; } = new(1, 1);

    /// <summary>Claims the memory. Null: others claim it again and again.</summary>
    public async Task<ClaimedSession?> ClaimAsync(string node, int most)
    {
        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            var read = await FreshAsync().ConfigureAwait(false);
            state = null;
            if (await logs.TryAppendAsync(id, Entry.Of(EntryKind.Claim, token: 0, node), read.Last, most).ConfigureAwait(false) is not { } token)
                continue;
            (read.Memory.Token, read.Memory.IsForgotten) = ((long)token, false);
            state = read with { Last = token, Messages = read.Messages + 1 };
            return new(new(id, (long)token), read.Memory.ToMemory());
        }

        return null;
    }

    /// <summary>
    /// Keeps records. False: a later claim has fenced this one out; null: others append again and again.
    /// </summary>
    public async Task<bool?> WriteAsync(SessionClaim claim, IReadOnlyList<SessionRecord> records, int most)
    {
        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            // Only what was kept is known again after a failure.
            var now = state ?? await logs.ReadAsync(id).ConfigureAwait(false);
            if (now.Memory.Token != claim.Token)
            {
                state = now;
                return false;
            }

            // It was deleted before, and reported as failed: it is kept.
            if (now.Memory.IsForgotten)
                return true;
            state = null;
            // First the lines, then their acceptance: between the two a line may come again, and is found.
            if (await received.KeepAsync(claim, records, () => HoldsAsync(claim)).ConfigureAwait(false) is not true and var end)
                return end;
            state = null;
            if (await TryWriteAsync(now, [.. records.Where(record => record.Kind != SessionRecordKind.Receive)], most).ConfigureAwait(false) is not { } after)
                continue;
            state = after;
            return true;
        }

        return null;
    }

    /// <summary>The lines that wait, if the claim holds.</summary>
    public async Task<IReadOnlyCollection<StoredLine>> LinesAsync(SessionClaim claim) =>
        await HoldsAsync(claim).ConfigureAwait(false) ? state!.Memory.Lines : [];

    /// <summary>Whether no later claim has fenced this one out.</summary>
    public async Task<bool> HoldsAsync(SessionClaim claim)
    {
        state = await FreshAsync().ConfigureAwait(false);
        return state.Memory.Token == claim.Token;
    }

    private async Task<LogState> FreshAsync()
    {
        var known = state;
        state = null;
        return known is not null && await logs.LastAsync(id).ConfigureAwait(false) == known.Last ? known : await logs.ReadAsync(id).ConfigureAwait(false);
    }

    /// <summary>Null: somebody else has appended something.</summary>
    private async Task<LogState?> TryWriteAsync(LogState now, IReadOnlyList<SessionRecord> records, int most)
    {
        if (records.Any(record => record.Kind == SessionRecordKind.Forget))
        {
            if (await logs.TryAppendAsync(id, Entry.Of(EntryKind.Forget, now.Memory.Token), now.Last, most).ConfigureAwait(false) is not { } forgotten)
                return null;
            await logs.DeleteBeforeAsync(id, forgotten).ConfigureAwait(false);
            return new(new() { Token = now.Memory.Token, IsForgotten = true }, forgotten, 1);
        }

        var before = now.Messages;
        foreach (var (bytes, some) in Entry.Of(EntryKind.Records, now.Memory.Token, records, most))
        {
            if (await logs.TryAppendAsync(id, bytes, now.Last, most).ConfigureAwait(false) is not { } sequence)
                return null;
            foreach (var record in some)
                now.Memory.Apply(record);
            now = now with { Last = sequence, Messages = now.Messages + 1 };
        }

        // Not each time: it looks at all lines.
        return now.Messages / MostBehind > before / MostBehind ? await SayAnewAsync(now, most).ConfigureAwait(false) : now;
    }

    /// <summary>Says the whole memory anew behind its log, and then deletes what is before that.</summary>
    private async Task<LogState?> SayAnewAsync(LogState now, int most)
    {
        var lines = now.Memory.Lines.Select(line => new SessionRecord(SessionRecordKind.Add, line.Position, Text: line.Text, Expires: line.Expires, Key: line.Key)).ToArray();
        var parts = Entry.Of(EntryKind.Part, now.Memory.Token, lines, most);
        if (now.Messages <= MostBehind + (2 * (parts.Count + 2)))
            return now;
        var begun = 0UL;
        foreach (var bytes in parts.Select(part => part.Bytes).Prepend(Entry.Begin(now.Memory)).Append(Entry.Of(EntryKind.End, now.Memory.Token)))
        {
            if (await logs.TryAppendAsync(id, bytes, now.Last, most).ConfigureAwait(false) is not { } sequence)
                return null;
            begun = begun == 0 ? sequence : begun;
            now = now with { Last = sequence };
        }

        await logs.DeleteBeforeAsync(id, begun).ConfigureAwait(false);
        return now with { Messages = parts.Count + 2 };
    }
}
