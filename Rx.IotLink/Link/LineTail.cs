using System.Text;

namespace Rx.IotLink;

/// <summary>
/// The last lines that the application was given, for people who look at a link. It takes no part in their acceptance.
/// It allocates only while its lines grow.
/// </summary>
/// <param name="lines">How many are kept.</param>
/// <param name="bytes">How much of a line is kept, in bytes.</param>
internal sealed class LineTail(int lines, int bytes)
{
    private readonly Lock gate = new();
    // Made with the first line: many links may never have one.
    private Entry[]? ring;
    private long added;

    /// <summary>Adds a line that was handed out. No foreign code runs.</summary>
    public void Add(ReadOnlySpan<byte> utf8, DateTimeOffset at)
    {
        var kept = utf8[..LengthOf(utf8)];
        lock (gate)
        {
            ring ??= new Entry[lines];
            ref var entry = ref ring[added++ % ring.Length];
            if (entry.Bytes is null || entry.Bytes.Length < kept.Length)
                entry.Bytes = new byte[kept.Length];
            kept.CopyTo(entry.Bytes);
            (entry.Length, entry.IsWhole, entry.At) = (kept.Length, kept.Length == utf8.Length, at);
        }
    }

    /// <summary>These lines, the oldest first.</summary>
    public IReadOnlyList<TailLine> Lines()
    {
        lock (gate)
        {
            if (ring is null)
                return [];
            var held = (int)Math.Min(added, ring.Length);
            var list = new List<TailLine>(held);
            for (var at = added - held; at < added; at++)
            {
                ref var entry = ref ring[at % ring.Length];
                list.Add(new(entry.At, Encoding.UTF8.GetString(entry.Bytes!, 0, entry.Length), entry.IsWhole));
            }

            return list;
        }
    }

    /// <summary>What is kept of a line: no character is cut in two.</summary>
    private int LengthOf(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length <= bytes)
            return utf8.Length;
        var length = bytes;
        while (length > 0 && (utf8[length] & 0xC0) == 0x80)
            length--;
        return length;
    }

    private struct Entry
    {
        public byte[]? Bytes;
        public int Length;
        public bool IsWhole;
        public DateTimeOffset At;
    }
}

/// <summary>A line that was handed out.</summary>
/// <param name="At">When.</param>
/// <param name="Text">The text, or its beginning.</param>
/// <param name="IsWhole">Whether that is all of it.</param>
internal readonly record struct TailLine(DateTimeOffset At, string Text, bool IsWhole);
