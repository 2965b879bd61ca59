namespace Rx.IotLink.Nats.Received;

/// <summary>
/// Keeps the lines of one device in the inbox, before its log says that they are accepted. One call at a time.
/// </summary>
/// <remarks>
/// A message is appended only behind the last one of the device that was seen. So if another server has added lines
/// meanwhile, this one learns of it, and leaves out what is there: no line is there twice.
/// </remarks>
internal sealed class DeviceInbox(InboxStream inbox, string id)
{
    private const int MostAttempts = 8;

    // Of the last message of the device; null: not known.
    private (InboxEntry Entry, ulong Sequence)? last;

    /// <summary>Keeps the received lines among these records.</summary>
    /// <param name="claim">The claim under which they are written.</param>
    /// <param name="records">The records of the claim.</param>
    /// <param name="holds">Asks the log whether the claim holds.</param>
    /// <returns>False: a later claim has fenced this one out. Null: others append again and again.</returns>
    public async Task<bool?> KeepAsync(SessionClaim claim, IReadOnlyList<SessionRecord> records, Func<Task<bool>> holds)
    {
        for (var at = 0; at < records.Count; at++)
        {
            if (records[at].Kind == SessionRecordKind.Receive
                && await KeepAsync(claim.Token, records[at], IsNumbered(records, at), holds).ConfigureAwait(false) is not true and var end)
            {
                return end;
            }
        }

        return true;
    }

    private async Task<bool?> KeepAsync(long token, SessionRecord line, bool isNumbered, Func<Task<bool>> holds)
    {
        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            var (before, sequence) = last ?? await inbox.LastAsync(id).ConfigureAwait(false);
            // What was kept is known again with the answer.
            last = null;
            if (before.Token > token)
            {
                if (!await holds().ConfigureAwait(false))
                    return false;
                // The log is younger than the inbox: somebody has deleted it.
                before = before with { Token = 0, Place = 0 };
            }

            if (!before.Has(token, line))
            {
                var entry = before.Next(token, line, isNumbered);
                if (await inbox.TryAppendAsync(id, entry, line.Text ?? "", sequence).ConfigureAwait(false) is not { } appended)
                    continue;
                (before, sequence) = (entry, appended);
            }

            last = (before, sequence);
            return true;
        }

        return null;
    }

    /// <summary>
    /// Whether a line is an exactly-once one of the memory that the device has now. Its acceptance is among the
    /// records, and says so.
    /// </summary>
    private static bool IsNumbered(IReadOnlyList<SessionRecord> records, int at)
    {
        var line = records[at];
        return records.Skip(at + 1).Any(record => record.Kind == SessionRecordKind.Accept && record.Epoch == line.Epoch && line.Number <= record.Number);
    }
}
