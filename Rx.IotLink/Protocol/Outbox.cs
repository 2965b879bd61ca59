using System.Diagnostics;

namespace Rx.IotLink.Protocol;

/// <summary>
/// The lines that were not sent yet, in three lanes. So best effort never delays exactly once, and an ordered line that
/// waits never delays a concurrent one. The link bounds it.
/// </summary>
internal sealed class Outbox
{
    private Lane ordered;
    private Lane concurrent;
    private Lane bestEffort;
    private ulong tickets;

    // Null, as long as no line has any: thousands of links hold an outbox.
    private LineLimits? limits;

    /// <summary>What is known of lines that may be given up.</summary>
    public LineLimits Limits => limits ??= new();

    /// <summary>Whether there was ever such a line.</summary>
    public bool HasLimits => limits is not null;

    /// <summary>The last place in the order of writing that a line was given.</summary>
    public long LastPosition => (long)tickets;

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    public OutLine? Ordered => ordered.First;

    public OutLine? Concurrent => concurrent.First;

    public OutLine? BestEffort => bestEffort.First;

    /// <summary>The exactly-once line that was written first, ordered or not.</summary>
    public OutLine? FirstExactlyOnce => (Ordered, Concurrent) switch
    {
        ({ } a, { } b) => a.Ticket < b.Ticket ? a : b,
        var (a, b) => a ?? b,
    };

    /// <summary>
    /// When the next line is given up. Those without an end of their own are looked at when they are the oldest: they
    /// end in the order in which they were written.
    /// </summary>
    public TimeSpan? Expires
    {
        get
        {
            var first = limits?.FirstEnding?.Expires;
            return Earlier(Earlier(first, EndOf(ordered.First)), EndOf(concurrent.First));
        }
    }

    /// <summary>A line that is to be given up by now, or null.</summary>
    public OutLine? FirstExpired(TimeSpan now)
    {
        if (limits?.FirstEnding is { } first && first.Expires <= now)
            return first;
        if (EndOf(ordered.First) <= now)
            return ordered.First;
        return EndOf(concurrent.First) <= now ? concurrent.First : null;
    }

    /// <summary>A line that is in the store alone is given up at its end, as one here is.</summary>
    public void Watch(OutLine line)
    {
        if (line is { HasOwnEnd: true, MayBeGivenUp: true })
            Limits.Ending.Add(line);
    }

    /// <summary>It is not given up any more.</summary>
    public void Unwatch(OutLine line)
    {
        if (line.HasOwnEnd)
            limits?.Ending.Remove(line);
    }

    /// <summary>Continues the positions of an earlier process.</summary>
    public void Restore(long lastPosition) => tickets = (ulong)lastPosition;

    /// <summary>Adds a line of an earlier process at the end. It may have been sent.</summary>
    public void Restore(OutLine line, long position, DateTimeOffset? expires = null)
    {
        SetEnd(line, expires);
        (line.Ticket, line.WasPutBack) = ((ulong)position, true);
        Insert(line, before: null);
    }

    /// <summary>Adds a line at the end that has a position already, and was not sent.</summary>
    public void Load(OutLine line, long position, DateTimeOffset? expires = null)
    {
        // One that somebody waits for was never elsewhere: the time of day may have been set meanwhile.
        if (line.Expires is null)
            SetEnd(line, expires);
        line.Ticket = (ulong)position;
        Insert(line, before: null);
    }

    public void Add(OutLine line)
    {
        Stamp(line);
        Insert(line, before: null);
    }

    /// <summary>Gives a line its place in the order of writing, which is unique for this link.</summary>
    public void Stamp(OutLine line) => line.Ticket = ++tickets;

    /// <summary>Puts lines back that a protocol had taken, before all others.</summary>
    public void PutBack(IEnumerable<OutLine> lines)
    {
        foreach (var line in lines.Reverse())
        {
            line.WasPutBack = true;
            Insert(line, before: LaneOf(line).First);
        }
    }

    /// <summary>Removes a line. False: it is not here.</summary>
    public bool Remove(OutLine line)
    {
        if (!line.Waits)
            return false;
        LaneOf(line).Remove(line);
        Count--;
        Unwatch(line);
        return true;
    }

    /// <summary>The oldest ordered line that may be dropped for a newer one, or null.</summary>
    public OutLine? OldestOrdered(Func<OutLine, bool> mayGo)
    {
        var line = ordered.First;
        while (line is not null && !mayGo(line))
            line = line.After;
        return line;
    }

    public IEnumerable<OutLine> All => ordered.All.Concat(concurrent.All).Concat(bestEffort.All);

    private void SetEnd(OutLine line, DateTimeOffset? expires)
    {
        if (expires is not { } end)
            return;
        var at = end - Limits.Origin;
        // Zero would be no end. A time that was over before the clock began is less than that.
        (line.Expires, line.HasOwnEnd) = (at == TimeSpan.Zero ? new TimeSpan(-1) : at, true);
    }

    private void Insert(OutLine line, OutLine? before)
    {
        LaneOf(line).Insert(line, before);
        Count++;
        Watch(line);
    }

    private static TimeSpan? EndOf(OutLine? line) => line is { Expires: { } end, MayBeGivenUp: true } ? end : null;

    private static TimeSpan? Earlier(TimeSpan? a, TimeSpan? b) => a < b || b is null ? a : b;

    private ref Lane LaneOf(OutLine line)
    {
        if (line.Delivery == Delivery.BestEffort)
            return ref bestEffort;
        return ref line.Ordering == Ordering.Concurrent ? ref concurrent : ref ordered;
    }

    /// <summary>
    /// A linked list whose links are in the lines. A struct, never copied: thousands of links hold an outbox.
    /// </summary>
    private struct Lane
    {
        private OutLine? last;

        public OutLine? First { readonly get; private set; }

        public readonly IEnumerable<OutLine> All
        {
            get
            {
                var all = new List<OutLine>();
                for (var line = First; line is not null; line = line.After)
                    all.Add(line);
                return all;
            }
        }

        /// <summary>Puts a line before another, or at the end.</summary>
        public void Insert(OutLine line, OutLine? before)
        {
            Debug.Assert(!line.Waits, "a line has one place: linked twice, it would follow itself");
            (line.Waits, line.After, line.Before) = (true, before, before is null ? last : before.Before);
            if (line.Before is null)
                First = line;
            else
                line.Before.After = line;
            if (before is null)
                last = line;
            else
                before.Before = line;
        }

        public void Remove(OutLine line)
        {
            if (line.Before is null)
                First = line.After;
            else
                line.Before.After = line.After;
            if (line.After is null)
                last = line.Before;
            else
                line.After.Before = line.Before;
            (line.Waits, line.Before, line.After) = (false, null, null);
        }
    }
}
