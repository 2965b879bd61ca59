namespace Rx.IotLink.Protocol;

/// <summary>
/// What is known of the lines of one outbox that may be given up before they are sent. Its collections are made when
/// they are needed: thousands of links with a store hold it.
/// </summary>
internal sealed class LineLimits
{
    private SortedSet<OutLine>? ending;
    private Dictionary<(string Key, Delivery Delivery), Keyed>? keys;

    /// <summary>The time of day at which the link's clock was zero, as far as is known.</summary>
    public DateTimeOffset Origin { get; set; }

    /// <summary>Lines that end before their neighbours do, by their ends.</summary>
    public SortedSet<OutLine> Ending => ending ??= new(ByEnd.Instance);

    /// <summary>The first of them, or null.</summary>
    public OutLine? FirstEnding => ending?.Min;

    /// <summary>The last line of each key that waits.</summary>
    public Dictionary<(string Key, Delivery Delivery), Keyed> Keys => keys ??= [];

    /// <summary>How many keys there are.</summary>
    public int KeyCount => keys?.Count ?? 0;

    /// <summary>How many lines had waited for too long.</summary>
    public long Expired { get; set; }

    /// <summary>How many lines were replaced.</summary>
    public long Replaced { get; set; }

    /// <summary>What ends first comes first; of what ends at once, what was written first.</summary>
    private sealed class ByEnd : IComparer<OutLine>
    {
        public static ByEnd Instance { get; } = new();

        public int Compare(OutLine? x, OutLine? y)
        {
            var byEnd = x!.Expires!.Value.CompareTo(y!.Expires!.Value);
            return byEnd != 0 ? byEnd : x.Ticket.CompareTo(y.Ticket);
        }
    }

    /// <summary>A line with a key that waits.</summary>
    /// <param name="Line">The line. Null: it is in the store alone.</param>
    /// <param name="Ticket">Its place in the order of writing.</param>
    /// <param name="Bytes">Its length.</param>
    /// <param name="Record">The record that keeps it; 0: an earlier process kept it.</param>
    internal readonly record struct Keyed(OutLine? Line, ulong Ticket, int Bytes, long Record = 0);
}
