using Rx.IotLink.Protocol;
using Keyed = Rx.IotLink.Protocol.LineLimits.Keyed;

namespace Rx.IotLink.Engine;

/// <summary>
/// Lines that are given up before they are sent: their time is over, or a newer line of their key takes their place.
/// A line that has its number keeps it: the peer waits for that number. On a new connection the peer says which lines
/// it has, and lines beyond those may still be given up, if nobody waits for them (<see cref="GivesUp"/>).
/// </summary>
internal sealed partial class LinkEngine
{
    /// <summary>No timer is set for longer: the system's cannot be.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    // Lines that this step completes, and that had waited for too long at their places.
    private int expiredInPlace;

    /// <summary>When the next line is given up, or that is to be looked at again.</summary>
    private TimeSpan? ExpiresAt => outbox.Expires is { } at ? at < now + LongestWait ? at : now + LongestWait : null;

    /// <summary>From now on the line waits, for so long at most.</summary>
    private void SetEnd(OutLine line)
    {
        if (MostOf(line) is not { } most)
            return;
        line.Expires = now + most;
        line.HasOwnEnd = line.TimeToLive == most;
    }

    private TimeSpan? MostOf(OutLine line)
    {
        var most = line.TimeToLive;
        return IsKept(line) ? Earlier(most, limits.StoredFor) : most;
    }

    /// <summary>Gives up what has waited for too long.</summary>
    private void GiveUpExpired()
    {
        var count = 0;
        for (; !IsFinal && outbox.FirstExpired(now) is { } line; count++)
            GiveUpExpired(line);
        TellExpired(count);
    }

    /// <summary>
    /// A connection opens: looks at every line, since the oldest say nothing of the others if some were put back, or
    /// came from a process with another limit.
    /// </summary>
    private void GiveUpStale()
    {
        var count = 0;
        foreach (var line in outbox.All)
        {
            if (!line.MayBeGivenUp)
                continue;
            if (line.Expires <= now)
            {
                GiveUpExpired(line);
                count++;
            }
            else if (line.IsSuperseded)
            {
                GiveUpReplaced(line);
            }
        }

        TellExpired(count);
    }

    /// <summary>
    /// Gives up a line where it is, among those that have numbers: it may have been sent. It is complete, and leaves
    /// the store, when the peer knows that its number has no line.
    /// </summary>
    private bool GivesUp(OutLine line) => !line.IsAwaited && (line.Expires <= now || (line.IsSuperseded && IsReplacedForGood(line)));

    /// <summary>Whether the newer line is kept: else a crash could lose both.</summary>
    private bool IsReplacedForGood(OutLine line) =>
        !IsKept(line) || !outbox.Limits.Keys.TryGetValue((line.Key!, line.Delivery), out var newest) || newest.Record <= kept!.Saved;

    /// <summary>The peer knows that the number of a line has none.</summary>
    private Outcome Counted(OutLine line)
    {
        if (line.IsSuperseded)
        {
            outbox.Limits.Replaced++;
            return Outcome.Replaced;
        }

        outbox.Limits.Expired++;
        expiredInPlace++;
        return Expiry(line);
    }

    private Outcome Expiry(OutLine line)
    {
        var most = MostOf(line) ?? TimeSpan.Zero;
        var limit = line.TimeToLive == most ? nameof(WriteOptions.TimeToLive) : nameof(LinkOptions.StoredFor);
        return Outcome.Expired(limit, most, now - line.Expires!.Value + most);
    }

    private void GiveUpExpired(OutLine line)
    {
        outbox.Limits.Expired++;
        GiveUp(line, Expiry(line));
    }

    private void GiveUpReplaced(OutLine line)
    {
        outbox.Limits.Replaced++;
        GiveUp(line, Outcome.Replaced);
    }

    /// <summary>
    /// Its writer learns it once the store knows it. Otherwise a crash could bring a line back that was reported as
    /// dropped.
    /// </summary>
    private void GiveUp(OutLine line, Outcome outcome)
    {
        if (!outbox.Remove(line))
            TakeBackStored(line);
        if (!IsKept(line))
        {
            Done(line, outcome);
            return;
        }

        line.Outcome = outcome;
        LeftOver(line);
        line.Record = Forget((long)line.Ticket);
        kept!.GivenUp.Enqueue(line);
    }

    private void TellGivenUp(long upTo)
    {
        while (kept is { GivenUpCount: > 0, GivenUp: var lines } && lines.Peek().Record <= upTo)
            Tell(lines.Dequeue());
    }

    private void TellExpired(int count)
    {
        if (count > 0)
            Notify(
                LinkNoticeKind.LinesExpired,
                $"{(count == 1 ? "a line" : $"{count} lines")} had waited for too long to be sent: dropped, {outbox.Limits.Expired} so far");
    }

    /// <summary>The line that a newer one takes the place of, if that is written; or null.</summary>
    private Keyed? GivenUpFor(OutLine newer) =>
        newer.Key is { } key && outbox.Limits.Keys.TryGetValue((key, newer.Delivery), out var older) && MayBeReplaced(older) ? older : null;

    // In the store alone it certainly waits.
    private static bool MayBeReplaced(in Keyed older) => older.Line is not { } line || (line.Waits && line.MayBeGivenUp);

    /// <summary>A line with a key was written, and has its place at the end.</summary>
    private void Replace(string key, OutLine newer)
    {
        var keys = outbox.Limits.Keys;
        keys.TryGetValue((key, newer.Delivery), out var older);
        var isAlone = IsKept(newer) && !newer.Waits;
        keys[(key, newer.Delivery)] = new(isAlone ? null : newer, newer.Ticket, newer.Bytes, newer.Record);
        if (older.Ticket == 0)
            return;
        if (older.Line is not null && !MayBeReplaced(older))
            older.Line.IsSuperseded = true;
        else if (older.Line is { } waits)
            GiveUpReplaced(waits);
        else
            GiveUpStored((long)older.Ticket, older.Bytes);
    }

    /// <summary>Gives up a line that is in the store alone.</summary>
    private void GiveUpStored(long position, int bytes)
    {
        // A store may give more keys than it has lines.
        if (InStoreAlone == 0)
            return;
        if (kept!.AwaitedCount > 0 && kept.Awaited.TryGetValue(position, out var awaited))
        {
            GiveUpReplaced(awaited);
            return;
        }

        outbox.Limits.Replaced++;
        Unfinished--;
        kept.Bytes -= bytes;
        TakeBackStored(position);
        Forget(position);
    }

    /// <summary>A line with a key was read from the store.</summary>
    private void IsInMemory(string key, OutLine line)
    {
        if (outbox.Limits.Keys.TryGetValue((key, line.Delivery), out var last) && last.Ticket == line.Ticket)
            outbox.Limits.Keys[(key, line.Delivery)] = last with { Line = line };
    }

    /// <summary>
    /// Forgets keys of lines that are not in the store alone any more, and were read without their keys, or never.
    /// </summary>
    private void ForgetUnreadKeys()
    {
        if (!outbox.HasLimits || outbox.Limits.KeyCount == 0)
            return;
        foreach (var (key, last) in outbox.Limits.Keys)
        {
            if (last.Line is null && (long)last.Ticket <= kept!.LoadedThrough)
                outbox.Limits.Keys.Remove(key);
        }
    }

    private void ForgetKey(string key, OutLine line)
    {
        if (outbox.Limits.Keys.TryGetValue((key, line.Delivery), out var last) && last.Ticket == line.Ticket)
            outbox.Limits.Keys.Remove((key, line.Delivery));
    }

    /// <summary>Finds the keys of lines that an earlier process left.</summary>
    private void FindKeys(IReadOnlyList<StoredKey>? stored)
    {
        foreach (var line in holder.Unfinished.Concat(outbox.All))
        {
            if (line.Key is { } key)
                FindKey(key, new(line, line.Ticket, line.Bytes));
        }

        foreach (var (key, position, bytes) in stored ?? [])
            FindKey(key, new(Line: null, (ulong)position, bytes));
    }

    /// <summary>In the order of writing: each takes the place of the one before, which a crash has left.</summary>
    private void FindKey(string key, in Keyed line)
    {
        var keys = outbox.Limits.Keys;
        if (keys.TryGetValue((key, Delivery.ExactlyOnce), out var older))
        {
            if (older.Line is { } known)
                known.IsSuperseded = true;
            else
                GiveUpStored((long)older.Ticket, older.Bytes);
        }

        keys[(key, Delivery.ExactlyOnce)] = line;
    }
}
