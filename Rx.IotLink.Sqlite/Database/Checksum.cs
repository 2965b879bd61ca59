using System.Buffers.Binary;
using System.Numerics;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>
/// CRC-32C of a row. SQLite has no checksums for its pages: without this, a byte that a disk flips in a text or a
/// number would not be noticed.
/// </summary>
internal struct Checksum()
{
    private uint crc = uint.MaxValue;

    /// <summary>The checksum of all bytes so far.</summary>
    public readonly long Value => ~crc;

    public void Add(long value) => crc = BitOperations.Crc32C(crc, unchecked((ulong)value));

    public void Add(ulong value) => Add(unchecked((long)value));

    public void Add(ulong? value)
    {
        Add(value is null ? 0L : 1L);
        Add(value ?? 0);
    }

    public void Add(long? value)
    {
        Add(value is null ? 0L : 1L);
        Add(value ?? 0);
    }

    public void Add(ReadOnlySpan<byte> bytes)
    {
        Add((long)bytes.Length);
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var one in bytes)
            crc = BitOperations.Crc32C(crc, one);
    }

    /// <summary>
    /// The checksum of a row of <c>lines</c>. A key that is not there, as in a file of version 1, adds nothing.
    /// </summary>
    public static long OfLine(long session, long position, ReadOnlySpan<byte> text, long? expires, byte[]? key)
    {
        var sum = new Checksum();
        sum.Add(session);
        sum.Add(position);
        sum.Add(expires);
        sum.Add(text);
        if (key is not null)
            sum.Add(key.AsSpan());
        return sum.Value;
    }
}
