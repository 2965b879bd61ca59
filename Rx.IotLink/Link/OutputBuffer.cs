using System.Buffers;

namespace Rx.IotLink;

/// <summary>
/// What is to be sent on one connection: filled under the link's lock while what was filled before is being sent. All that gathers during a send
/// goes with the next one.
/// </summary>
internal sealed class OutputBuffer : IBufferWriter<byte>
{
    private ArrayBufferWriter<byte> filling = new();
    private ArrayBufferWriter<byte> sending = new();

    public int Length => filling.WrittenCount;

    /// <summary>Takes everything that gathered; valid until the next call.</summary>
    public ReadOnlyMemory<byte> Take()
    {
        sending.ResetWrittenCount();
        (filling, sending) = (sending, filling);
        return sending.WrittenMemory;
    }

    public void Advance(int count) => filling.Advance(count);

    public Memory<byte> GetMemory(int sizeHint = 0) => filling.GetMemory(sizeHint);

    public Span<byte> GetSpan(int sizeHint = 0) => filling.GetSpan(sizeHint);
}
