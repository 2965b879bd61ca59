using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;

namespace Rx.IotLink.Engine;

/// <summary>
/// Lines as UTF-8, one after the other in one rented array. The array is returned when the last line is taken, so an
/// empty buffer holds nothing.
/// </summary>
internal sealed class LineBuffer
{
    // The length and the promise, the epoch, the number.
    private const int HeaderBytes = sizeof(int) + (2 * sizeof(ulong));
    private const int LeastBytes = 256;

    private byte[] bytes = [];
    private int begin;
    private int end;

    public bool IsEmpty => begin == end;

    /// <summary>The size of the array, whether used or not.</summary>
    public int Capacity => bytes.Length;

    public Delivery FirstDelivery => (Header & 1) == 0 ? Delivery.ExactlyOnce : Delivery.BestEffort;

    /// <summary>What the oldest line is called. Its number is 0 where the wire gave it none.</summary>
    public LineId FirstId => new(
        BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(begin + sizeof(int))),
        BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(begin + sizeof(int) + sizeof(ulong))));

    /// <summary>The oldest line; valid until it is removed.</summary>
    public ReadOnlyMemory<byte> First => bytes.AsMemory(begin + HeaderBytes, Header >> 1);

    /// <summary>How many more bytes are held after a line of this length is added.</summary>
    public int GrowthFor(int length) =>
        bytes.Length - end >= HeaderBytes + length ? 0 : Math.Max(0, (int)BitOperations.RoundUpToPowerOf2((uint)LargerFor(HeaderBytes + length)) - bytes.Length);

    public void Add(ReadOnlySpan<byte> line, Delivery delivery, LineId id)
    {
        var needed = HeaderBytes + line.Length;
        if (bytes.Length - end < needed)
            Grow(needed);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(end), (line.Length << 1) | (delivery == Delivery.BestEffort ? 1 : 0));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(end + sizeof(int)), id.Epoch);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(end + sizeof(int) + sizeof(ulong)), id.Number);
        line.CopyTo(bytes.AsSpan(end + HeaderBytes));
        end += needed;
    }

    public void RemoveFirst()
    {
        begin += HeaderBytes + (Header >> 1);
        if (IsEmpty)
            Clear();
    }

    public void Clear()
    {
        if (bytes.Length > 0)
            ArrayPool<byte>.Shared.Return(bytes);
        (bytes, begin, end) = ([], 0, 0);
    }

    private int LargerFor(int needed) => Math.Max(Math.Max(LeastBytes, 2 * (end - begin)), end - begin + needed);

    private int Header => BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(begin));

    private void Grow(int needed)
    {
        var held = end - begin;
        var larger = ArrayPool<byte>.Shared.Rent(LargerFor(needed));
        bytes.AsSpan(begin, held).CopyTo(larger);
        Clear();
        (bytes, end) = (larger, held);
    }
}
