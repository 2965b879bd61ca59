using Rx.IotLink.Protocol;

namespace Rx.IotLink.Engine;

/// <summary>
/// Lines that are kept in the store alone: an outbox there is longer than memory. The oldest lines are in memory, so
/// many as <see cref="LinkOptions.OutboxLines"/>; what is written beyond them is in the store alone, and is read when
/// there is room again.
/// </summary>
internal sealed partial class LinkEngine
{
    /// <summary>
    /// What is known of lines in the store. Null: nothing is kept, and a link at rest holds the less.
    /// </summary>
    private readonly StoredLines? kept;

    /// <summary>Lines that are in the store alone.</summary>
    private int InStoreAlone => kept?.Count ?? 0;

    private bool IsKept(OutLine line) => kept is not null && line.Delivery == Delivery.ExactlyOnce;

    /// <summary>Which limit of the store a further line would break. Null: none.</summary>
    private Rejection? StoreLimit(OutLine line)
    {
        if (Unfinished >= limits.StoredLines)
            return Rejection.StoredLines;
        if (kept!.Bytes + line.Bytes > limits.StoredBytes)
            return Rejection.StoredBytes;
        return line.IsAwaited && kept!.Awaited.Count >= limits.OutboxLines + limits.MaxWaitingWrites ? Rejection.OutboxFull : null;
    }

    /// <summary>Keeps a line that was written; and holds it in memory too, if there is room.</summary>
    private void Keep(OutLine line)
    {
        if (InStoreAlone == 0 && Unfinished <= limits.OutboxLines)
        {
            outbox.Add(line);
            kept!.LoadedThrough = (long)line.Ticket;
        }
        else
        {
            outbox.Stamp(line);
            kept!.Count++;
            if (line.IsAwaited)
                kept!.Awaited.Add((long)line.Ticket, line);
        }

        kept!.Bytes += line.Bytes;
        line.Record = Save(new(SessionRecordKind.Add, Position: (long)line.Ticket, Text: line.Text));
        if (line.IsDoneWhenStored)
            kept!.UntilStored.Enqueue(line);
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
        if (kept?.Awaited.Remove((long)line.Ticket) != true)
            return false;
        kept.Count--;
        kept.TakenBack.Add((long)line.Ticket);
        return true;
    }

    /// <summary>Has lines read from the store, if there are any and there is room for them.</summary>
    private void LoadIfRoom()
    {
        if (kept is null || kept.Count == 0 || kept.IsLoading || kept.LoadAt > now || IsFinal || Unfinished - kept.Count > limits.OutboxLines / 2)
            return;
        (kept.IsLoading, kept.LoadAt) = (true, null);
        collected.Load = new(kept.LoadedThrough, Math.Max(1, limits.OutboxLines - (Unfinished - kept.Count)));
    }

    /// <summary>Takes lines that were read.</summary>
    private void Loaded(IReadOnlyList<StoredLine> lines)
    {
        kept!.IsLoading = false;
        foreach (var line in lines)
        {
            // What was taken back meanwhile is done with.
            if (line.Position <= kept.LoadedThrough || kept.TakenBack.Contains(line.Position))
                continue;
            kept.LoadedThrough = line.Position;
            kept.Count--;
            Load(line);
        }

        kept.TakenBack.RemoveWhere(position => position <= kept.LoadedThrough);
        // They were not kept yet when they were looked for: they are read once something more is kept. Or it was
        // meanwhile, and nothing more may come: so they are looked for again in any case.
        if (lines.Count == 0 && kept.Count > 0)
            (kept.WasTooEarly, kept.LoadAt) = (true, now + BetweenLoads);
        protocol.Send(now);
    }

    private void Load(in StoredLine stored)
    {
        if (!kept!.Awaited.Remove(stored.Position, out var line))
            line = new OutLine(stored.Text, Utf8.ByteCount(stored.Text) ?? 0, Delivery.ExactlyOnce, Ordering.Ordered);
        outbox.Load(line, stored.Position);
        if (Fault(line.Bytes) is not { } fault)
            return;
        outbox.Remove(line);
        Impossible(line, fault);
    }

    private void LoadFailed()
    {
        if (kept is not null)
            (kept.IsLoading, kept.LoadAt) = (false, now + BetweenLoads);
    }

    /// <summary>Tells the writers of lines that are kept now, and wanted no more than that.</summary>
    private void TellStored(long upTo)
    {
        if (kept is null)
            return;
        if (kept.WasTooEarly)
            (kept.WasTooEarly, kept.LoadAt) = (false, null);
        while (kept.UntilStored.TryPeek(out var line) && line.Record <= upTo)
        {
            kept.UntilStored.Dequeue();
            if (line.Outcome is null)
                (collected.Stored ??= []).Add(line);
        }
    }

    private sealed class StoredLines
    {
        /// <summary>Those in the store alone that somebody waits for, by their positions.</summary>
        public Dictionary<long, OutLine> Awaited { get; } = [];

        /// <summary>The positions of those that were taken back there, and may yet be read.</summary>
        public HashSet<long> TakenBack { get; } = [];

        /// <summary>How many are in the store alone.</summary>
        public int Count { get; set; }

        /// <summary>The bytes of all lines that are kept.</summary>
        public long Bytes { get; set; }

        /// <summary>The greatest position that is, or was, in memory.</summary>
        public long LoadedThrough { get; set; }

        public bool IsLoading { get; set; }

        /// <summary>When reading is tried again that has failed, or has found nothing.</summary>
        public TimeSpan? LoadAt { get; set; }

        /// <summary>Whether it has found nothing, since what is looked for was not kept yet.</summary>
        public bool WasTooEarly { get; set; }

        /// <summary>Those that are done for their writers once they are kept, in the order of their records.</summary>
        public Queue<OutLine> UntilStored { get; } = new();
    }
}
