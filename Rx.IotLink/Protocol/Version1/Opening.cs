using System.Buffers;

namespace Rx.IotLink.Protocol.Version1;

/// <summary>The first line of a connection, client to server: the id.</summary>
internal static class Opening
{
    /// <summary>Takes the id. False: its line is not finished yet.</summary>
    /// <exception cref="ProtocolException">The line is longer than an id may be, not UTF-8, or no id.</exception>
    public static bool TryRead(ref ReadOnlySequence<byte> bytes, int maxIdBytes, out string id)
    {
        id = "";
        if (!LineReader.TryRead(ref bytes, maxIdBytes, out var line))
            return false;
        id = Utf8.Decode(line.ToArray()) ?? throw new ProtocolException($"the id is not UTF-8: {Convert.ToHexString(line.ToArray())}");
        return LinkId.Fault(id, maxIdBytes) is { } fault ? throw new ProtocolException($"the id {fault}") : true;
    }
}
