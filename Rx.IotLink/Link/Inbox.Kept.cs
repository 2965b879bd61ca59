using System.Diagnostics.CodeAnalysis;

namespace Rx.IotLink;

/// <summary>
/// Lines that are kept in the store when they are accepted. The store takes each line that is handed out: no observer
/// is needed, and the acceptance waits for observers that are there.
/// </summary>
internal sealed partial class Inbox
{
    // Set before the first line. Guarded by the lock: lines that were handed out and are not accepted.
    private Queue<SessionRecord>? kept;
    private long keptLines;
    private int keptBytes;
    private long takenKept;

    // Written under the lock: whether the store is so far behind that no further line is handed out.
    private volatile bool isKeptFull;

    /// <summary>Whether lines are kept in the store.</summary>
    [MemberNotNullWhen(true, nameof(kept))]
    public bool KeepsLines => kept is not null;

    /// <summary>From now on each line is kept. Before the first line.</summary>
    public void KeepLines() => kept = new();

    /// <summary>The oldest line that is accepted and was not given yet. Under the lock.</summary>
    /// <param name="handled">How many lines are accepted, ever.</param>
    /// <param name="record">The line.</param>
    public bool TryTakeKept(long handled, out SessionRecord record)
    {
        record = default;
        if (takenKept >= handled || !kept!.TryDequeue(out record))
            return false;
        takenKept++;
        keptBytes -= BytesOf(record);
        return true;
    }

    /// <summary>Whether further lines are handed out while this many wait for the store. Under the lock.</summary>
    public void MayHandOut(int unsaved) => isKeptFull = unsaved >= options.InboxLines;

    private void Keep(ref Line line)
    {
        var text = line.Text;
        lock (gate)
        {
            if (ended)
                return;
            if (line.Id.Number == 0)
                line.Id = names.Next(options);
            var record = new SessionRecord(SessionRecordKind.Receive, ++keptLines, line.Id.Number, line.Id.Epoch, text);
            kept!.Enqueue(record);
            keptBytes += BytesOf(record);
        }
    }

    private static int BytesOf(in SessionRecord record) => 2 * (record.Text?.Length ?? 0);
}
