using System.Diagnostics;

namespace Rx.IotLink.Protocol.Version2;

/// <summary>The lines that have a number and are not acknowledged, oldest first. The window bounds it.</summary>
internal sealed class SentRing
{
    private OutLine?[] lines = [];
    private int head;

    /// <summary>The number of the oldest line, or of the next one if there is none.</summary>
    public ulong First { get; private set; } = 1;

    public int Count { get; private set; }

    /// <summary>The number of the next line.</summary>
    public ulong Next => First + (ulong)Count;

    public OutLine this[ulong number] => lines[Index(number)]!;

    public void Add(OutLine line)
    {
        Debug.Assert(!line.Waits, "a line has one place: it has left the outbox");
        if (Count == lines.Length)
            Grow();
        lines[Index(Next)] = line;
        Count++;
    }

    public OutLine RemoveFirst()
    {
        var line = lines[head]!;
        lines[head] = null;
        head = (head + 1) & (lines.Length - 1);
        First++;
        Count--;
        return line;
    }

    public IEnumerable<OutLine> All => Enumerable.Range(0, Count).Select(at => this[First + (ulong)at]);

    /// <summary>Begins with another number; there are no lines yet.</summary>
    public void BeginWith(ulong first) => First = first;

    public void Clear()
    {
        Array.Clear(lines);
        (head, First, Count) = (0, 1, 0);
    }

    private int Index(ulong number) => (head + (int)(number - First)) & (lines.Length - 1);

    private void Grow()
    {
        var larger = new OutLine?[Math.Max(4, lines.Length * 2)];
        for (var at = 0; at < Count; at++)
            larger[at] = lines[(head + at) & (lines.Length - 1)];
        (lines, head) = (larger, 0);
    }
}
