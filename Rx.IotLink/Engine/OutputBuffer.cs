using System.Buffers;

namespace Rx.IotLink.Engine;

/// <summary>
/// The bytes to send on one connection. The engine fills it while earlier bytes are being sent. Bytes that gather
/// during a send go with the next one. An empty buffer holds no memory.
/// </summary>
internal sealed class OutputBuffer : IBufferWriter<byte>
{
    private const int LeastBytes = 256;

    private byte[] filling = [];
    private byte[] sending = [];

    public int Length { get; private set; }

    /// <summary>The size of its arrays, whether used or not.</summary>
    public int Capacity => filling.Length + sending.Length;

    /// <summary>Takes everything that gathered; valid until the next call, or <see cref="Release"/>.</summary>
    public ReadOnlyMemory<byte> Take()
    {
        Release();
        var length = Length;
        (sending, filling, Length) = (filling, [], 0);
        return sending.AsMemory(0, length);
    }

    /// <summary>The bytes that were taken are sent, and no longer needed.</summary>
    public void Release()
    {
        if (sending.Length > 0)
            ArrayPool<byte>.Shared.Return(sending);
        sending = [];
    }

    public void Advance(int count) => Length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        MakeRoom(Math.Max(sizeHint, 1));
        return filling.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        MakeRoom(Math.Max(sizeHint, 1));
        return filling.AsSpan(Length);
    }

    private void MakeRoom(int bytes)
    {
        if (filling.Length - Length >= bytes)
            return;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(LeastBytes, Math.Max(2 * filling.Length, Length + bytes)));
        filling.AsSpan(0, Length).CopyTo(larger);
        if (filling.Length > 0)
            ArrayPool<byte>.Shared.Return(filling);
        filling = larger;
    }
}
