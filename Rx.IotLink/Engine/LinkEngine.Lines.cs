using Rx.IotLink.Protocol;

namespace Rx.IotLink.Engine;

/// <summary>Written lines, and their records in the store.</summary>
internal sealed partial class LinkEngine
{
    private void Write(OutLine line, DateTimeOffset timeOfDay)
    {
        SetEnd(line);
        if (IsFinal)
            Collected.Rejection = Rejection.LinkEnded;
        else if (line is { IsDoneWhenStored: true } && !IsKept(line))
            Collected.Rejection = Rejection.NoStore;
        else if (FullFor(line) is not { } limit)
            Enqueue(line, timeOfDay);
        else if (!line.MayBeDropped || limits.WriterOverflow == OverflowPolicy.Fail)
            Collected.Rejection = limit;
        else if (MakeRoom())
            Enqueue(line, timeOfDay);
        else
            Drop(line);
    }

    /// <summary>Which limit a further line would break. Null: none.</summary>
    private Rejection? FullFor(OutLine line)
    {
        var given = GivenUpFor(line);
        if (IsKept(line))
            return StoreLimit(line, given);
        if (line.MayBeDropped)
            return Unfinished < limits.OutboxLines ? null : Rejection.OutboxLines;
        return Unfinished - (given is null ? 0 : 1) < limits.OutboxLines + limits.MaxWaitingWrites ? null : Rejection.OutboxFull;
    }

    private bool MakeRoom()
    {
        if (limits.WriterOverflow != OverflowPolicy.DropOldest || outbox.OldestOrdered(static line => line.MayBeDropped) is not { } oldest)
            return false;
        outbox.Remove(oldest);
        LeftOver(oldest);
        Drop(oldest);
        Forget(oldest);
        return true;
    }

    private void Drop(OutLine line)
    {
        line.Outcome = Outcome.Dropped;
        counts.LinesDropped++;
        Notify(LinkNoticeKind.LineDropped, $"the outbox holds {limits.OutboxLines} lines: {limits.WriterOverflow}, {counts.LinesDropped} so far");
    }

    private void Enqueue(OutLine line, DateTimeOffset timeOfDay)
    {
        Unfinished++;
        if (line.Delivery == Delivery.ExactlyOnce)
            counts.LinesWritten++;
        if (IsKept(line))
            Keep(line, timeOfDay);
        else
            outbox.Add(line);
        if (line.Key is { } key)
            Replace(key, line);
        protocol.Send(now);
    }

    /// <summary>
    /// Whether the send may wait so that several lines go together. No write waits for an answer to best effort. If
    /// nothing else is in flight, the line is sent at once.
    /// </summary>
    private bool SeveralMayFollow(OutLine line) => Unfinished > 1 || line.Delivery == Delivery.BestEffort;

    /// <summary>Takes a line back if it was not sent yet.</summary>
    private void TakeBack(OutLine line)
    {
        if (line.Outcome is not null)
            return;
        var isHere = outbox.Remove(line) || TakeBackStored(line);
        Collected.WasSent = !isHere || line.WasPutBack;
        if (!isHere)
            return;
        line.Outcome = Outcome.TakenBack;
        LeftOver(line);
        Forget(line);
    }

    private void Impossible(OutLine line, string fault)
    {
        Notify(LinkNoticeKind.LineImpossible, $"a line {fault}");
        if (line.Outcome is null)
            Forget(line);
        Done(line, Outcome.Impossible(fault));
    }

    /// <summary>A line is complete, and so is its write.</summary>
    private void Done(OutLine line, Outcome outcome)
    {
        // In protocol 1 the first line of a process stays in flight after its write has completed, if it is best
        // effort.
        if (line.Outcome is not null)
            return;
        line.Outcome = outcome;
        line.MayBeUsedAgain = outcome.IsGood && (Version == 2 || line.Delivery == Delivery.ExactlyOnce);
        if (outcome == Outcome.Accepted)
            (counts.LinesAcknowledged, counts.BytesAcknowledged) = (counts.LinesAcknowledged + 1, counts.BytesAcknowledged + line.Bytes);
        else if (outcome == Outcome.Sent)
            (counts.BestEffortSent, counts.BestEffortBytesSent) = (counts.BestEffortSent + 1, counts.BestEffortBytesSent + line.Bytes);
        Tell(line);
        LeftOver(line);
    }

    /// <summary>Puts a line among those whose writers learn what became of them.</summary>
    private void Tell(OutLine line)
    {
        if (Collected.LastDone is { } last)
            last.DoneNext = line;
        else
            Collected.FirstDone = line;
        Collected.LastDone = line;
    }

    /// <summary>One unfinished line less.</summary>
    private void LeftOver(OutLine line)
    {
        Unfinished--;
        if (IsKept(line))
            kept!.Bytes -= line.Bytes;
        if (line.Key is { } key)
            ForgetKey(key, line);
    }

    private void Saved(long upTo)
    {
        Works(ref saveFault);
        StoreFails = false;
        // Nobody can have kept what was not given to be kept.
        var through = Math.Min(upTo, records);
        TellStored(through);
        protocol.Saved(through, now);
        other?.Saved(through, now);
    }

    /// <summary>The store does again what it failed to do.</summary>
    private void Works(ref Outage? fault)
    {
        var failed = StoreFault is not null;
        fault = null;
        if (failed && StoreFault is null && !IsFinal)
            Notify(LinkNoticeKind.StoreWorks, "the session store works again");
    }

    /// <summary>
    /// The connection ends, since its lines cannot be accepted. The next one resumes the session when the store works
    /// again.
    /// </summary>
    private void SaveFailed(in Input failure)
    {
        saveFault = failure.Outage!;
        if (!StoreFails && !IsFinal)
        {
            Notify(LinkNoticeKind.StoreFailed, saveFault.Detail, failure.Error);
            // One that sleeps continues to.
            if (!IsUp && Status != LinkStatus.Asleep)
                Become(Status, saveFault);
        }

        StoreFails = true;
        if (output is not null)
            RequestEnd(saveFault);
    }

    private void SaveWaits(Outage outage)
    {
        if (StoreFault is not null || IsFinal)
            return;
        saveFault = outage;
        Notify(LinkNoticeKind.StoreFailed, outage.Detail);
    }
}
