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
    private Rejection? StoreLimit(OutLine line, LineLimits.Keyed? given)
    {
        if (Unfinished - (given is null ? 0 : 1) >= limits.StoredLines)
            return Rejection.StoredLines;
        if (kept!.Bytes + line.Bytes - (given?.Bytes ?? 0) > limits.StoredBytes)
            return Rejection.StoredBytes;
        var most = limits.OutboxLines + limits.MaxWaitingWrites;
        // What was given up is in the store, and in its journal, until the store knows it: a store that fails for long
        // bounds how many lines come and go meanwhile.
        if ((line.Key is not null || line.TimeToLive is not null) && kept!.GivenUpCount + kept.TakenBack >= most)
            return Rejection.OutboxFull;
        // A key takes memory, too, wherever its line is.
        return (line.IsAwaited && kept!.AwaitedCount >= most) || (line.Key is not null && given is null && outbox.Limits.KeyCount >= most)
            ? Rejection.OutboxFull
            : null;
    }

    /// <summary>Keeps a written line, and holds it in memory too if there is room.</summary>
    private void Keep(OutLine line, DateTimeOffset timeOfDay)
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
            {
                kept!.Awaited.Add((long)line.Ticket, line);
                outbox.Watch(line);
            }
        }

        kept!.Bytes += line.Bytes;
        line.Record = Save(new(
            SessionRecordKind.Add, Position: (long)line.Ticket, Text: line.Text, Expires: timeOfDay + (line.Expires - now), Key: line.Key, Entry: line.Entry));
        if (line.IsDoneWhenStored)
            kept!.UntilStored.Enqueue(line);
    }

    /// <summary>
    /// Removes the record of a line that the peer has not accepted and will not get; of protocol 1 also of one that it
    /// has accepted.
    /// </summary>
    /// <returns>The record of that; 0: nothing was kept.</returns>
    private long Forget(OutLine line, bool isAccepted = false) => IsKept(line) ? Forget((long)line.Ticket, isAccepted) : 0;

    /// <summary>The same, for the line of a position.</summary>
    private long Forget(long position, bool isAccepted = false)
    {
        var record = Save(new(SessionRecordKind.Remove, Position: position) { IsAccepted = isAccepted });
        kept!.RemovedBy(record, position);
        protocol.SendAfter(record);
        other?.SendAfter(record);
        return record;
    }

    /// <summary>Takes back a line that is only in the store. False: it is not only there.</summary>
    private bool TakeBackStored(OutLine line)
    {
        if (kept is not { AwaitedCount: > 0 } || !kept.Awaited.Remove((long)line.Ticket))
            return false;
        outbox.Unwatch(line);
        TakeBackStored((long)line.Ticket);
        return true;
    }

    private void TakeBackStored(long position)
    {
        kept!.Count--;
        kept.TakeBack(position);
    }

    /// <summary>Asks for lines from the store, if there are any and there is room for them.</summary>
    private void LoadIfRoom()
    {
        if (kept is null || kept.Count == 0 || kept.IsLoading || kept.LoadAt > now || IsFinal || Unfinished - kept.Count > limits.OutboxLines / 2)
            return;
        (kept.IsLoading, kept.LoadAt) = (true, null);
        Collected.Load = new(kept.LoadedThrough, Math.Max(1, limits.OutboxLines - (Unfinished - kept.Count)));
    }

    /// <summary>Takes lines that were read.</summary>
    private void Loaded(IReadOnlyList<StoredLine> lines, DateTimeOffset timeOfDay)
    {
        if (kept is not { IsLoading: true })
            return;
        if (timeOfDay != default)
            outbox.Limits.Origin = timeOfDay - now;
        kept.IsLoading = false;
        Works(ref loadFault);
        var before = kept.LoadedThrough;
        foreach (var line in lines)
        {
            // A store may return lines that nobody asked for, lines that it never had, or one line twice.
            if (kept.Count == 0 || line.Position <= kept.LoadedThrough || line.Position > outbox.LastPosition)
                continue;
            kept.LoadedThrough = line.Position;
            // Lines that were taken back meanwhile are complete.
            if (kept.WasTakenBack(line.Position))
                continue;
            kept.Count--;
            Load(line);
        }

        ForgetUnreadKeys();
        kept.ForgetTakenBack();
        // The lines were not kept yet when the store looked for them. They are read again when something more is kept.
        // They may have been kept meanwhile, with nothing more to come: so they are read again in any case.
        if (kept.LoadedThrough == before && kept.Count > 0)
            (kept.WasTooEarly, kept.LoadAt) = (true, now + BetweenLoads);
        GiveUpExpired();
        protocol.Send(now);
    }

    private void Load(in StoredLine stored)
    {
        OutLine? line = null;
        if (kept!.AwaitedCount == 0 || !kept.Awaited.Remove(stored.Position, out line))
            line = new StoredOutLine(stored.Text, stored.Key);
        outbox.Load(line, stored.Position, stored.Expires);
        if (line.Key is { } key)
            IsInMemory(key, line);
        if (Fault(line.Bytes) is not { } fault)
            return;
        outbox.Remove(line);
        Impossible(line, fault);
    }

    /// <summary>Whether these are no more lines than wait in the store alone.</summary>
    public bool MayBeLoaded(IReadOnlyList<StoredLine> lines) => kept is null || lines.Count(line => Waits(line)) <= kept.Count;

    private bool Waits(in StoredLine line) => line.Position > kept!.LoadedThrough && !kept.WasTakenBack(line.Position);

    private void LoadFailed(in Input failure)
    {
        if (kept is not null)
            (kept.IsLoading, kept.LoadAt) = (false, now + BetweenLoads);
        kept?.ForgetTakenBack();
        if (StoreFault is null && !IsFinal)
            Notify(LinkNoticeKind.StoreFailed, failure.Outage!.Detail, failure.Error);
        loadFault = failure.Outage;
    }

    /// <summary>Completes the writes that waited only until their lines are kept.</summary>
    private void TellStored(long upTo)
    {
        if (kept is null)
            return;
        if (kept.WasTooEarly)
            (kept.WasTooEarly, kept.LoadAt) = (false, null);
        kept.Saved = upTo;
        kept.ForgetTakenBack();
        TellGivenUp(upTo);
        while (kept.FirstUntilStored is { } line && line.Record <= upTo)
        {
            kept.UntilStored.Dequeue();
            if (line.Outcome is null)
                (Collected.Stored ??= []).Add(line);
        }
    }

    /// <summary>
    /// What is known of lines in the store. Its collections are made when they are needed: thousands of links hold it.
    /// </summary>
    private sealed class StoredLines
    {
        // The positions of lines that were taken back there and may still be read, and the records that remove them.
        private HashSet<long>? takenBack;
        private Queue<(long Position, long Record)>? removals;
        private Dictionary<long, OutLine>? awaited;
        private Queue<OutLine>? givenUp;
        private Queue<OutLine>? untilStored;

        /// <summary>Lines that are only in the store and whose writes wait, by their positions.</summary>
        public Dictionary<long, OutLine> Awaited => awaited ??= [];

        /// <summary>How many they are.</summary>
        public int AwaitedCount => awaited?.Count ?? 0;

        /// <summary>The last record that is kept.</summary>
        public long Saved { get; set; }

        /// <summary>How many lines were taken back and may still be read.</summary>
        public int TakenBack => takenBack?.Count ?? 0;

        /// <summary>
        /// Lines that were given up. Their writers learn it when the store knows it.
        /// </summary>
        public Queue<OutLine> GivenUp => givenUp ??= new();

        /// <summary>How many they are.</summary>
        public int GivenUpCount => givenUp?.Count ?? 0;

        /// <summary>How many lines are only in the store.</summary>
        public int Count { get; set; }

        /// <summary>The bytes of all lines that are kept.</summary>
        public long Bytes { get; set; }

        /// <summary>The greatest position that is, or was, in memory.</summary>
        public long LoadedThrough { get; set; }

        public bool IsLoading { get; set; }

        /// <summary>Whether the store says that the device sleeps.</summary>
        public bool SaysAsleep { get; set; }

        /// <summary>When to read again after a read has failed or has found nothing.</summary>
        public TimeSpan? LoadAt { get; set; }

        /// <summary>Whether the last read found nothing, since the lines were not kept yet.</summary>
        public bool WasTooEarly { get; set; }

        /// <summary>Lines whose writes complete once they are kept, in the order of their records.</summary>
        public Queue<OutLine> UntilStored => untilStored ??= new();

        /// <summary>The first of them, or null.</summary>
        public OutLine? FirstUntilStored => untilStored?.TryPeek(out var first) == true ? first : null;

        /// <summary>A line is taken back there. The record that removes it follows.</summary>
        public void TakeBack(long position) => (takenBack ??= []).Add(position);

        /// <summary>This record removes the line of a position, here or there.</summary>
        public void RemovedBy(long record, long position)
        {
            if (WasTakenBack(position))
                (removals ??= new()).Enqueue((position, record));
        }

        public bool WasTakenBack(long position) => takenBack?.Contains(position) == true;

        /// <summary>
        /// Forgets lines that no read can return any more: their removal is kept, and no read began before that.
        /// </summary>
        public void ForgetTakenBack()
        {
            while (!IsLoading && removals is not null && removals.TryPeek(out var oldest) && oldest.Record <= Saved)
                takenBack!.Remove(removals.Dequeue().Position);
        }
    }
}
