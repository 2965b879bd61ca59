using Rx.IotLink.Protocol;

namespace Rx.IotLink.Engine;

/// <summary>What is written, and what is kept of it.</summary>
internal sealed partial class LinkEngine
{
    private void Write(OutLine line)
    {
        if (IsFinal)
            collected.Rejection = Rejection.LinkEnded;
        else if (line.MayBeDropped)
            WriteOrDrop(line);
        else if (Unfinished >= limits.OutboxLines + limits.MaxWaitingWrites)
            collected.Rejection = Rejection.OutboxFull;
        else
            Enqueue(line);
    }

    /// <summary>Takes a line that nobody waits for, or does with it what the options say for a full outbox.</summary>
    private void WriteOrDrop(OutLine line)
    {
        if (Unfinished < limits.OutboxLines || MakeRoom())
        {
            Enqueue(line);
            return;
        }

        if (limits.WriterOverflow == OverflowPolicy.Fail)
            collected.Rejection = Rejection.OutboxFull;
        else
            Drop(line);
    }

    private bool MakeRoom()
    {
        if (limits.WriterOverflow != OverflowPolicy.DropOldest || outbox.OldestOrdered(static line => line.MayBeDropped) is not { } oldest)
            return false;
        outbox.Remove(oldest);
        Unfinished--;
        Drop(oldest);
        return true;
    }

    private void Drop(OutLine line)
    {
        line.Outcome = Outcome.Dropped;
        counts.LinesDropped++;
        Notify(LinkNoticeKind.LineDropped, $"the outbox holds {limits.OutboxLines} lines: {limits.WriterOverflow}, {counts.LinesDropped} so far");
    }

    private void Enqueue(OutLine line)
    {
        Unfinished++;
        if (line.Delivery == Delivery.ExactlyOnce)
            counts.LinesWritten++;
        outbox.Add(line);
        protocol.Send(now);
    }

    /// <summary>
    /// Whether several lines may be sent together, where a send may be left for later: nobody waits for an answer to best
    /// effort. A line that nothing is on its way with is sent at once.
    /// </summary>
    private bool SeveralMayFollow(OutLine line) => Unfinished > 1 || line.Delivery == Delivery.BestEffort;

    /// <summary>Takes a line back if it was not sent yet.</summary>
    private void TakeBack(OutLine line)
    {
        if (line.Outcome is not null)
            return;
        var isHere = outbox.Remove(line);
        collected.WasSent = !isHere || line.WasPutBack;
        if (!isHere)
            return;
        line.Outcome = Outcome.TakenBack;
        Unfinished--;
    }

    private void Impossible(OutLine line, string fault)
    {
        Notify(LinkNoticeKind.LineImpossible, $"a line {fault}");
        Done(line, Outcome.Impossible(fault));
    }

    /// <summary>A line is done with, and its writer is to be told.</summary>
    private void Done(OutLine line, Outcome outcome)
    {
        // Protocol 1 carries the first line of a process on after its writer was told, if it is best effort.
        if (line.Outcome is not null)
            return;
        line.Outcome = outcome;
        line.MayBeUsedAgain = outcome.IsGood && (Version == 2 || line.Delivery == Delivery.ExactlyOnce);
        if (outcome == Outcome.Accepted)
            counts.LinesAcknowledged++;
        else if (outcome == Outcome.Sent)
            counts.BestEffortSent++;
        if (collected.LastDone is { } last)
            last.DoneNext = line;
        else
            collected.FirstDone = line;
        collected.LastDone = line;
        Unfinished--;
    }

    private void Saved(long upTo)
    {
        if (StoreFault is not null && !IsFinal)
            Notify(LinkNoticeKind.StoreWorks, "the session store works again");
        (StoreFault, StoreFails) = (null, false);
        protocol.Saved(upTo, now);
    }

    /// <summary>
    /// The connection does not go on: its lines would not be accepted. The next one resumes the session when the store
    /// works again.
    /// </summary>
    private void SaveFailed(in Input failure)
    {
        if (failure.UpTo is { } upTo)
            protocol.Saved(upTo, now);
        StoreFault = failure.Outage!;
        if (!StoreFails && !IsFinal)
        {
            Notify(LinkNoticeKind.StoreFailed, StoreFault.Detail, failure.Error);
            if (!IsUp)
                Become(Status, StoreFault);
        }

        StoreFails = true;
        if (output is not null)
            Leave(StoreFault, final: false);
    }

    private void SaveWaits(Outage outage)
    {
        if (StoreFault is not null || IsFinal)
            return;
        StoreFault = outage;
        Notify(LinkNoticeKind.StoreFailed, outage.Detail);
    }
}
