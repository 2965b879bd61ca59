using Rx.IotLink.Engine;
using Rx.IotLink.Protocol;
using Rx.IotLink.Testing;
using static Rx.IotLink.Tests.Protocol.Garbage.Cases;

namespace Rx.IotLink.Tests.Engine;

/// <summary>What must hold after each step, whatever happened.</summary>
internal sealed partial class EngineEnd
{
    private void CheckStates(LinkStatus before, Effects effects)
    {
        foreach (var change in effects.States ?? [])
        {
            var (from, to) = (before, change.Status);
            Require(from is not (LinkStatus.Closed or LinkStatus.Refused), () => $"it is {to} after it was {from}");
            Require(to != LinkStatus.Up || from != LinkStatus.Up, () => "it is up twice");
            Require(to == LinkStatus.Up == change.Outage is null, () => $"it is {to} for {change.Outage}");
            before = to;
        }

        var (last, now) = (before, engine.Status);
        Require(last == now, () => $"the last reported state is {last}, and it is {now}");
    }

    /// <summary>A line has one place at a time, and all who count lines find the same.</summary>
    private void CheckPlaces()
    {
        var counters = engine.CountersAt(Moment);
        var onTheWay = Inside.HolderOf(engine).Unfinished.ToHashSet();
        var waiting = Inside.OutboxOf(engine).All.ToHashSet();
        if (isOver)
        {
            Require(counters.Outbox == 0, () => "a link that has ended has lines");
            return;
        }

        foreach (var line in waiting)
            Require(line.Outcome is null, () => $"'{line.Text}' is done and waits to be sent");

        var inMemory = Written.Where(line => line.Outcome is null && !(world.IsKept && line.Delivery == Delivery.ExactlyOnce)).ToList();
        var kept = ahead.SnapshotOf(Id)?.Lines ?? [];
        var left = inMemory.Count + kept.Count;
        Require(counters.Outbox == left, () => $"{counters.Outbox} lines are counted as not done, and {left} are not");
        CheckKept(kept, [.. waiting.Concat(onTheWay).Where(line => line.Outcome is null)]);
        Require(counters.Inbox == Delivered.Count - Handled, () => $"{counters.Inbox} lines are counted in the inbox, and there are {Delivered.Count - Handled}");
        Require(counters.LinesReceived == Handled, () => $"{counters.LinesReceived} lines are counted as received, and {Handled} were handled");
        foreach (var line in inMemory)
            Require(waiting.Contains(line) != onTheWay.Contains(line) && waiting.Contains(line) == line.Waits, () => $"'{line.Text}' has not one place: outbox {waiting.Contains(line)}, on its way {onTheWay.Contains(line)}");
    }

    /// <summary>
    /// The books balance: what was written, and what an earlier process left, is either not done yet or is in exactly
    /// one of the counts.
    /// </summary>
    private void CheckCounts()
    {
        var counters = engine.CountersAt(Moment);
        RequireSame(
            [$"{counters.LinesAcknowledged} {counters.BestEffortSent} {counters.LinesDropped}"],
            [$"{told.Count(l => l.Outcome == Outcome.Accepted)} {told.Count(l => l.Outcome == Outcome.Sent)} {Written.Count(l => l.Outcome == Outcome.Dropped)}"],
            "lines that are acknowledged, sent without a promise, dropped");
        if (isOver)
            return;
        var closed = counters.LinesAcknowledged + counters.BestEffortSent + counters.LinesDropped + counters.LinesExpired + counters.LinesReplaced
            + Written.Count(l => l.Outcome == Outcome.TakenBack) + told.Count(l => l.Outcome!.Fault is not null);
        Require(Written.Count + atFirst == counters.Outbox + closed, () => $"{Written.Count} lines were written and {atFirst} were there at first; {counters.Outbox} are not done, and {closed} are counted");
    }

    /// <summary>What has an end is given up at that end: it asks for the time, and then does it.</summary>
    private void CheckEnds(InputKind kind)
    {
        if (isOver)
            return;
        var ending = Inside.OutboxOf(engine).All.Where(line => line is { HasOwnEnd: true, MayBeGivenUp: true }).ToList();
        foreach (var line in ending)
            Require(WakeAt <= line.Expires || WakeAt <= Now + TimeSpan.FromDays(1), () => $"'{line.Text}' ends at {line.Expires}, and the time is wanted at {WakeAt}");
        if (kind == InputKind.Time)
            Require(ending.TrueForAll(line => line.Expires > Now), () => "a line has waited for too long, and is not given up");
    }

    /// <summary>
    /// Of the lines that are kept, the oldest are in memory, each once, and the others in the store alone.
    /// </summary>
    private void CheckKept(IReadOnlyList<StoredLine> kept, List<OutLine> inMemory)
    {
        if (!world.IsKept)
            return;
        var held = inMemory.Where(line => line.Delivery == Delivery.ExactlyOnce).ToList();
        RequireSame(
            held.OrderBy(line => line.Ticket).Select(line => $"{line.Ticket} {line.Text}"),
            kept.Take(held.Count).Select(line => $"{line.Position} {line.Text}"),
            "the lines in memory");
        Require(kept.Count == held.Count || inMemory.Count > 0 || Load is not null || WakeAt is not null || Kept < records.Count, () => "lines are in the store alone, and nothing will ever read them");
    }
}
