using System.Numerics;
using System.Runtime.InteropServices;

namespace Model;

/// <summary>A set of lines, by their names.</summary>
internal readonly record struct LineSet(byte Bits)
{
    public int Count => BitOperations.PopCount(Bits);

    public bool IsEmpty => Bits == 0;

    /// <summary>The greatest of them; 0: there is none.</summary>
    public byte Last => (byte)(32 - BitOperations.LeadingZeroCount(Bits));

    /// <summary>The line at this place, from 0.</summary>
    public byte this[int at]
    {
        get
        {
            var rest = Bits;
            for (; at > 0; at--)
                rest &= (byte)(rest - 1);
            return (byte)(BitOperations.TrailingZeroCount(rest) + 1);
        }
    }

    public bool Has(byte line) => (Bits & Bit(line)) != 0;

    public LineSet With(byte line) => new((byte)(Bits | Bit(line)));

    public LineSet Without(byte line) => new((byte)(Bits & ~Bit(line)));

    /// <summary>Those that were written before this one.</summary>
    public LineSet Before(byte line) => new((byte)(Bits & (Bit(line) - 1)));

    /// <summary>The lines of both sets.</summary>
    public static LineSet operator |(LineSet left, LineSet right) => new((byte)(left.Bits | right.Bits));

    /// <summary>The lines of the first set that are not in the second.</summary>
    public static LineSet operator -(LineSet left, LineSet right) => new((byte)(left.Bits & ~right.Bits));

    private static int Bit(byte line) => 1 << (line - 1);
}

/// <summary>Lines that wait for the application: the peer's epoch, the number, the name; at most four.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal record struct Inbox(ulong Bits)
{
    public const int Most = 4;

    public readonly int Count => (79 - BitOperations.LeadingZeroCount(Bits)) / 16;

    public void Add(byte epoch, byte number, byte line) => Bits |= (ulong)((epoch << 8) | (number << 4) | line) << (Count * 16);

    public (byte Epoch, byte Number, byte Line) Take()
    {
        var first = (ushort)Bits;
        Bits >>= 16;
        return ((byte)(first >> 8), (byte)((first >> 4) & 15), (byte)(first & 15));
    }
}

/// <summary>Records that are not kept yet, the oldest first; at most sixteen.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct Journal
{
    private const int Most = 16;

    private UInt128 items;

    public readonly int Count => (135 - (int)UInt128.LeadingZeroCount(items)) / 8;

    public readonly (Record Kind, byte Of) this[int at] => ((Record)((byte)(items >> (at * 8)) >> 4), (byte)((byte)(items >> (at * 8)) & 15));

    public void Add(Record kind, byte of)
    {
        var count = Count;
        // The last one covers one of the same kind right before it.
        if (kind is Record.RemoveThrough or Record.Accept && count > 0 && this[count - 1].Kind == kind)
            items &= ~((UInt128)0xff << (--count * 8));
        if (count == Most)
            throw new InvalidOperationException("A journal of the model holds at most sixteen records.");
        items |= (UInt128)(byte)(((byte)kind << 4) | of) << (count * 8);
    }

    public (Record Kind, byte Of) Take()
    {
        var first = this[0];
        items >>= 8;
        return first;
    }

    public readonly bool Has(Record kind)
    {
        for (var at = 0; at < Count; at++)
        {
            if (this[at].Kind == kind)
                return true;
        }

        return false;
    }
}

/// <summary>The records of a sender's journal (<c>SessionRecordKind</c>).</summary>
internal enum Record : byte
{
    None,

    /// <summary>An epoch begins.</summary>
    Begin,

    /// <summary>A line was written.</summary>
    Add,

    /// <summary>A line was given up.</summary>
    Remove,

    /// <summary>All lines before this number are accepted.</summary>
    RemoveThrough,

    /// <summary>The peer has this epoch.</summary>
    Accept,
}
