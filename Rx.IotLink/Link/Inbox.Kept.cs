using System.Diagnostics.CodeAnalysis;

namespace Rx.IotLink;

/// <summary>
/// Lines that are kept in the store when they are accepted. The store takes each line that is handed out: no observer
/// is needed, and the acceptance waits for observers that are there.
/// </summary>
internal sealed partial class Inbox
{
    // Set before the first line. An object, since most links have none.
    private KeptLines? kept;

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
        if (kept!.Taken >= handled || !kept.Lines.TryDequeue(out record))
            return false;
        kept.Taken++;
        kept.Bytes -= BytesOf(record);
        return true;
    }

    /// <summary>Whether further lines are handed out while this many wait for the store. Under the lock.</summary>
    public void MayHandOut(int unsaved) => kept!.IsFull = unsaved >= options.InboxLines;

    private void Keep(ref Line line)
    {
        var text = line.Text;
        lock (gate)
        {
            if (ended)
                return;
            if (line.Id.Number == 0)
                line.Id = names.Next(options);
            var record = new SessionRecord(SessionRecordKind.Receive, ++kept!.Count, line.Id.Number, line.Id.Epoch, text);
            kept.Lines.Enqueue(record);
            kept.Bytes += BytesOf(record);
        }
    }

    private static int BytesOf(in SessionRecord record) => 2 * (record.Text?.Length ?? 0);

    /// <summary>Lines that were handed out and are not accepted. Guarded by the lock.</summary>
    private sealed class KeptLines
    {
        // Written under the lock.
        private volatile bool isFull;

        public Queue<SessionRecord> Lines { get; } = new();

        /// <summary>All lines, ever.</summary>
        public long Count;

        /// <summary>Those that were accepted, and given to the store.</summary>
        public long Taken;

        public int Bytes { get; set; }

        /// <summary>Whether the store is so far behind that no further line is handed out.</summary>
        public bool IsFull { get => isFull; set => isFull = value; }
    }
}
