using Rx.IotLink.Engine;

namespace Rx.IotLink.Telemetry;

/// <summary>The sums of several links.</summary>
internal sealed class LinkTotals
{
    private LinkCounts counts;

    /// <summary>The counts that only grow.</summary>
    public ref LinkCounts Counts => ref counts;

    public long LinesExpired { get; private set; }

    public long LinesReplaced { get; private set; }

    /// <summary>Outages, by the reason.</summary>
    public long[] Outages { get; } = new long[Words.OutageReasons.Length];

    /// <summary>Links in each state.</summary>
    public long[] Links { get; } = new long[Words.LinkStates.Length];

    public long Outbox { get; private set; }

    public long Inbox { get; private set; }

    /// <summary>Adds the counts of one link, but not the link itself.</summary>
    public void AddCounts(LinkCounts of, (long Expired, long Replaced) givenUp)
    {
        counts.Add(of);
        (LinesExpired, LinesReplaced) = (LinesExpired + givenUp.Expired, LinesReplaced + givenUp.Replaced);
    }

    /// <summary>Adds a link as it is now.</summary>
    public void AddLink(LinkStatus status, int outbox, int inbox)
    {
        Links[(int)status]++;
        (Outbox, Inbox) = (Outbox + outbox, Inbox + inbox);
    }

    /// <summary>Adds what only grows: it stays when the links have gone.</summary>
    public void AddCounts(LinkTotals of)
    {
        AddCounts(of.counts, (of.LinesExpired, of.LinesReplaced));
        for (var i = 0; i < Outages.Length; i++)
            Outages[i] += of.Outages[i];
    }
}
