using System.Buffers;

namespace Rx.IotLink.Protocol;

/// <summary>The first line of a connection, which shows the version of the protocol.</summary>
internal static class FirstLine
{
    /// <summary>Takes the line. False: it is not finished yet.</summary>
    /// <exception cref="ProtocolException">It is longer than any first line may be, or not UTF-8.</exception>
    public static bool TryRead(ref ReadOnlySequence<byte> bytes, int maxBytes, out string text)
    {
        text = "";
        if (!LineReader.TryRead(ref bytes, maxBytes, out var line))
            return false;
        text = Utf8.Decode(line.ToArray()) ?? throw new ProtocolException($"the first line is not UTF-8: {Convert.ToHexString(line.Slice(0, Math.Min(32, line.Length)).ToArray())}");
        return true;
    }
}
