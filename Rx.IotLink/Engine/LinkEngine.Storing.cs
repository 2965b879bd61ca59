using Rx.IotLink.Protocol;

namespace Rx.IotLink.Engine;

/// <summary>
/// Lines that are only in the store, since an outbox there may be longer than memory. The oldest
/// <see cref="LinkOptions.OutboxLines"/> lines are in memory. Later lines are only in the store, and are read when
/// there is room again.
/// </summary>
internal sealed partial class LinkEngine
{
    /// <summary>
    /// What the engine knows of lines in the store. Null: there is no store, and a link at rest needs less memory.
    /// </summary>
    private readonly StoredLines? kept;

    /// <summary>The number of lines that are only in the store.</summary>
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

    /// <summary>Keeps a written line, and holds it in memory too if there is room.</summary>
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
    /// Removes the record of a line that the peer has not accepted and will not get.
    /// </summary>
    private void Forget(OutLine line)
    {
        if (!IsKept(line))
            return;
        var record = Save(new(SessionRecordKind.Remove, Position: (long)line.Ticket));
        protocol.SendAfter(record);
        other?.SendAfter(record);
    }

    /// <summary>Takes back a line that is only in the store. False: it is not only there.</summary>
    private bool TakeBackStored(OutLine line)
    {
        if (kept?.Awaited.Remove((long)line.Ticket) != true)
            return false;
        kept.Count--;
        kept.TakenBack.Add((long)line.Ticket);
        return true;
    }

    /// <summary>Asks for lines from the store, if there are any and there is room for them.</summary>
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
            // Lines that were taken back meanwhile are complete.
            if (line.Position <= kept.LoadedThrough || kept.TakenBack.Contains(line.Position))
                continue;
            kept.LoadedThrough = line.Position;
            kept.Count--;
            Load(line);
        }

        kept.TakenBack.RemoveWhere(position => position <= kept.LoadedThrough);
        // The lines were not kept yet when the store looked for them. They are read again when something more is kept.
        // They may have been kept meanwhile, with nothing more to come: so they are read again in any case.
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

    /// <summary>Completes the writes that waited only until their lines are kept.</summary>
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
        /// <summary>Lines that are only in the store and whose writes wait, by their positions.</summary>
        public Dictionary<long, OutLine> Awaited { get; } = [];

        /// <summary>The positions of lines that were taken back there, and may still be read.</summary>
        public HashSet<long> TakenBack { get; } = [];

        /// <summary>How many lines are only in the store.</summary>
        public int Count { get; set; }

        /// <summary>The bytes of all lines that are kept.</summary>
        public long Bytes { get; set; }

        /// <summary>The greatest position that is, or was, in memory.</summary>
        public long LoadedThrough { get; set; }

        public bool IsLoading { get; set; }

        /// <summary>When to read again after a read has failed or has found nothing.</summary>
        public TimeSpan? LoadAt { get; set; }

        /// <summary>Whether the last read found nothing, since the lines were not kept yet.</summary>
        public bool WasTooEarly { get; set; }

        /// <summary>Lines whose writes complete once they are kept, in the order of their records.</summary>
        public Queue<OutLine> UntilStored { get; } = new();
    }
}
