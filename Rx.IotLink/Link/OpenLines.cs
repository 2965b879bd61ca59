using System.Runtime.InteropServices;

namespace Rx.IotLink;

/// <summary>
/// Lines that were handed out and do not count as handled yet: the oldest of them came through
/// <see cref="ILink.Received"/> and is not accepted. Later lines wait for it, accepted or not. All under the link's
/// lock.
/// </summary>
internal sealed class OpenLines(string id, Action<ReceivedLine> accept)
{
    private const int MostTakenOut = 64;
    private const long None = -1;

    private readonly List<Entry> entries = [];

    // Entries before this index are taken out; the place of a line counts all that ever were.
    private int head;
    private long firstPlace;
    private long handingOut = None;

    public bool Any => head < entries.Count;

    /// <summary>Bytes of the lines that are held.</summary>
    public int Bytes { get; private set; }

    /// <summary>How many have counted as handled, ever.</summary>
    public long ExactlyOnce { get; private set; }

    /// <summary>The same of best effort.</summary>
    public long BestEffort { get; private set; }

    /// <summary>
    /// Since when the oldest has waited to be accepted. Null: there is none, or it is just being handed out.
    /// </summary>
    public TimeSpan? Since => Any && firstPlace != handingOut ? entries[head].Since : null;

    /// <summary>Makes of a line what observers are given. It stays open until it is handed out, too.</summary>
    public ReceivedLine Open(ReadOnlySpan<byte> utf8, Delivery delivery, LineId line, TimeSpan now)
    {
        handingOut = firstPlace + (entries.Count - head);
        var received = new ReceivedLine(id, line, utf8.ToArray(), delivery, accept) { Place = handingOut };
        entries.Add(new(received, delivery, IsDone: false, now));
        Bytes += utf8.Length;
        return received;
    }

    /// <summary>All who were to be given the line that was opened last have been.</summary>
    public void HandedOut()
    {
        handingOut = None;
        TakeOut();
    }

    /// <summary>A line was handed out after open ones, and needs no acceptance.</summary>
    public void AddHandled(Delivery delivery) => entries.Add(new(Line: null, delivery, IsDone: true, Since: default));

    /// <summary>A line is accepted. Gives whether lines count as handled now that did not before.</summary>
    public bool Accept(ReceivedLine line)
    {
        var index = line.Place - firstPlace + head;
        if (index < head || index >= entries.Count)
            return false;
        CollectionsMarshal.AsSpan(entries)[(int)index].IsDone = true;
        return TakeOut();
    }

    /// <summary>The oldest open line that is not accepted and comes behind this place.</summary>
    public ReceivedLine? After(long place)
    {
        for (var index = Math.Max(head, place + 1 - firstPlace + head); index < entries.Count; index++)
        {
            if (entries[(int)index] is { Line: { } line, IsDone: false })
                return line;
        }

        return null;
    }

    /// <summary>The link has ended: nothing of it is accepted any more.</summary>
    public void Clear()
    {
        firstPlace += entries.Count - head;
        entries.Clear();
        (head, Bytes, handingOut) = (0, 0, None);
    }

    private bool TakeOut()
    {
        var before = firstPlace;
        for (; Any && entries[head].IsDone && firstPlace != handingOut; head++, firstPlace++)
        {
            var entry = entries[head];
            if (entry.Delivery == Delivery.BestEffort)
                BestEffort++;
            else
                ExactlyOnce++;
            Bytes -= entry.Line?.Utf8.Length ?? 0;
            entries[head] = default;
        }

        // Not at each line: what is behind it moves.
        if (!Any || (head >= MostTakenOut && head >= entries.Count / 2))
        {
            entries.RemoveRange(0, head);
            head = 0;
        }

        return firstPlace != before;
    }

    private record struct Entry(ReceivedLine? Line, Delivery Delivery, bool IsDone, TimeSpan Since);
}
