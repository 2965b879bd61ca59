using System.Buffers.Binary;

namespace Rx.IotLink;

/// <summary>
/// Names for the lines of one link that have no number on the wire. Under the link's lock.
/// </summary>
/// <remarks>
/// Unlike all others of the device: a link object of its own draws the epoch. A seed alone would give the next process
/// the same, so the time goes into it.
/// </remarks>
internal struct OwnNames
{
    private ulong epoch;
    private ulong number;

    public LineId Next(LinkOptions options)
    {
        if (number == 0)
        {
            Span<byte> drawn = stackalloc byte[sizeof(ulong)];
            Randomness.From(options.Seed)(drawn);
            epoch = BinaryPrimitives.ReadUInt64LittleEndian(drawn) ^ (ulong)options.Scheduler.Now.UtcTicks;
        }

        return new(epoch, ++number);
    }
}
