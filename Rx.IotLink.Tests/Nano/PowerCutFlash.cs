using Rx.IotLink.Nano;

namespace NanoTests;

/// <summary>The power is gone: what ran has ended here, and nothing of it goes on.</summary>
internal sealed class PowerLostException : Exception
{
    public PowerLostException()
    {
    }

    public PowerLostException(string message)
        : base(message)
    {
    }

    public PowerLostException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>What is left of a write in which the power was lost.</summary>
internal enum Torn
{
    /// <summary>Its beginning.</summary>
    Short,

    /// <summary>
    /// Some of its pages, in any order; between them is what was there before, or what flash is when empty.
    /// </summary>
    Unordered,

    /// <summary>Its beginning, and a byte that is wrong.</summary>
    Wrong,
}

/// <summary>Two areas in memory, which lose their power after so many bytes.</summary>
internal sealed class PowerCutFlash : IFlash
{
    private const int Page = 16;
    private readonly List<byte>[] areas = [[], []];
    private Random random = new(1);
    private Torn torn;
    private long left = long.MaxValue;

    public int AreaBytes { get; set; } = 4096;

    /// <summary>Whether the power was lost.</summary>
    public bool IsOff { get; private set; }

    /// <summary>Whether nothing more fits: each write throws.</summary>
    public bool IsFull { get; set; }

    public int Writes { get; private set; }

    public long Bytes { get; private set; }

    public List<byte> this[int area] => areas[area];

    /// <summary>After so many bytes the power is lost, in the write that would write the next.</summary>
    public void CutAfter(long bytes, Torn how, int seed) => (left, torn, random) = (bytes, how, new Random(seed));

    /// <summary>A loss that is still to come still comes.</summary>
    public void PowerOn() => (IsOff, left) = (false, IsOff ? long.MaxValue : left);

    public int Read(int area, int position, byte[] buffer, int offset, int count)
    {
        // As a file does, it may give less than it could.
        var there = Math.Min(Math.Min(count, areas[area].Count - position), 1 + ((position * 7) % 50));
        if (there <= 0)
            return 0;
        areas[area].CopyTo(position, buffer, offset, there);
        return there;
    }

    public void Write(int area, int position, byte[] buffer, int offset, int count)
    {
        if (IsOff)
            throw new PowerLostException();
        if (IsFull)
            throw new IOException("the disk is full");
        if (position > areas[area].Count || position + count > AreaBytes)
            throw new InvalidOperationException($"{count} bytes at {position} of {areas[area].Count}");
        var bytes = buffer.AsSpan(offset, count).ToArray();
        if (left < count)
        {
            IsOff = true;
            Tear(areas[area], position, bytes);
            throw new PowerLostException();
        }

        left -= count;
        Writes++;
        Bytes += count;
        Put(areas[area], position, bytes);
        if (position == 0)
            areas[area].RemoveRange(count, areas[area].Count - count);
    }

    private void Tear(List<byte> area, int position, byte[] bytes)
    {
        // Whether the old bytes were gone by then.
        if (position == 0 && random.Next(2) == 0)
            area.Clear();
        if (torn == Torn.Unordered)
        {
            for (var at = 0; at < bytes.Length; at += Page)
            {
                if (random.Next(2) == 0)
                    Put(area, position + at, bytes[at..Math.Min(at + Page, bytes.Length)]);
            }

            return;
        }

        var some = bytes[..(int)left];
        if (torn == Torn.Wrong && some.Length > 0)
            some[random.Next(some.Length)] ^= (byte)(1 << random.Next(8));
        Put(area, position, some);
    }

    private static void Put(List<byte> area, int position, byte[] bytes)
    {
        while (area.Count < position + bytes.Length)
            area.Add(0xFF);
        for (var at = 0; at < bytes.Length; at++)
            area[position + at] = bytes[at];
    }
}
