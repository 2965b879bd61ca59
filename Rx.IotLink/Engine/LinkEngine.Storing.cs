using Rx.IotLink.Protocol;

namespace Rx.IotLink.Engine;

/// <summary>
/// Lines that are kept in the store alone: an outbox there is longer than memory. The oldest lines are in memory, so many
/// as <see cref="LinkOptions.OutboxLines"/>; what is written beyond them is in the store alone, and is read when there is
/// room again.
/// </summary>
internal sealed partial class LinkEngine
{
    private readonly bool isKept;

    // Those of the lines in the store alone that somebody waits for, by their positions; and those that were taken back
    // there, and may yet be read.
    private readonly Dictionary<long, OutLine> awaited = [];
    private readonly HashSet<long> takenBack = [];

    // Lines that are done for their writers once they are kept, in the order of their records.
    private readonly Queue<OutLine> untilStored = new();

    /// <summary>Lines that are in the store alone.</summary>
    private int stored;

    /// <summary>The greatest position that is, or was, in memory.</summary>
    private long loadedThrough;

    private bool loading;

    /// <summary>When reading, which has failed, is tried again.</summary>
    private TimeSpan? loadAt;

    /// <summary>The bytes of all lines that are kept.</summary>
    private long keptBytes;

    private bool IsKept(OutLine line) => isKept && line.Delivery == Delivery.ExactlyOnce;

    /// <summary>Which limit of the store a further line would break. Null: none.</summary>
    private Rejection? StoreLimit(OutLine line)
    {
        if (Unfinished >= limits.StoredLines)
            return Rejection.StoredLines;
        if (keptBytes + line.Bytes > limits.StoredBytes)
            return Rejection.StoredBytes;
        return line.IsAwaited && awaited.Count >= limits.OutboxLines + limits.MaxWaitingWrites ? Rejection.OutboxFull : null;
    }

    /// <summary>Keeps a line that was written; and holds it in memory too, if there is room.</summary>
    private void Keep(OutLine line)
    {
        if (stored == 0 && Unfinished <= limits.OutboxLines)
        {
            outbox.Add(line);
            loadedThrough = (long)line.Ticket;
        }
        else
        {
            outbox.Stamp(line);
            stored++;
            if (line.IsAwaited)
                awaited.Add((long)line.Ticket, line);
        }

        keptBytes += line.Bytes;
        line.Record = Save(new(SessionRecordKind.Add, Position: (long)line.Ticket, Text: line.Text));
        if (line.IsDoneWhenStored)
            untilStored.Enqueue(line);
    }

    /// <summary>
    /// What was kept of a line is of no use any more, though the peer has not accepted it: the lines behind it move up.
    /// </summary>
    private void Forget(OutLine line)
    {
        if (!IsKept(line))
            return;
        var record = Save(new(SessionRecordKind.Remove, Position: (long)line.Ticket));
        protocol.SendAfter(record);
        other?.SendAfter(record);
    }

    /// <summary>Takes back a line that is in the store alone. False: it is not.</summary>
    private bool TakeBackStored(OutLine line)
    {
        if (!awaited.Remove((long)line.Ticket))
            return false;
        stored--;
        takenBack.Add((long)line.Ticket);
        return true;
    }

    /// <summary>Has lines read from the store, if there are any and there is room for them.</summary>
    private void LoadIfRoom()
    {
        if (stored == 0 || loading || loadAt > now || IsFinal || Unfinished - stored > limits.OutboxLines / 2)
            return;
        (loading, loadAt) = (true, null);
        collected.Load = new(loadedThrough, Math.Max(1, limits.OutboxLines - (Unfinished - stored)));
    }

    /// <summary>Takes lines that were read.</summary>
    private void Loaded(IReadOnlyList<StoredLine> lines)
    {
        loading = false;
        foreach (var line in lines)
        {
            // What was taken back meanwhile is done with.
            if (line.Position <= loadedThrough || takenBack.Contains(line.Position))
                continue;
            loadedThrough = line.Position;
            stored--;
            Load(line);
        }

        takenBack.RemoveWhere(position => position <= loadedThrough);
        // All that were read are in memory: those that were not there are not kept yet, and are read once they are.
        if (lines.Count == 0 && stored > 0)
            loadAt = TimeSpan.MaxValue;
        protocol.Send(now);
    }

    private void Load(in StoredLine stored)
    {
        if (!awaited.Remove(stored.Position, out var line))
            line = new OutLine(stored.Text, Utf8.ByteCount(stored.Text) ?? 0, Delivery.ExactlyOnce, Ordering.Ordered);
        outbox.Load(line, stored.Position);
        if (Fault(line.Bytes) is not { } fault)
            return;
        outbox.Remove(line);
        Impossible(line, fault);
    }

    private void LoadFailed()
    {
        loading = false;
        loadAt = now + BetweenLoads;
    }

    /// <summary>Tells the writers of lines that are kept now, and wanted no more than that.</summary>
    private void TellStored(long upTo)
    {
        if (loadAt == TimeSpan.MaxValue)
            loadAt = null;
        while (untilStored.TryPeek(out var line) && line.Record <= upTo)
        {
            untilStored.Dequeue();
            if (line.Outcome is null)
                (collected.Stored ??= []).Add(line);
        }
    }
}
