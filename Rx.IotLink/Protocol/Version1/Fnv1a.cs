namespace Rx.IotLink.Protocol.Version1;

/// <summary>
/// FNV-1a, 64 bits (RFC 9923): distinguishes lines with the same id. It is no defence: a peer can only deceive itself
/// with it.
/// </summary>
internal static class Fnv1a
{
    public static ulong Hash(ReadOnlySpan<byte> bytes)
    {
        var hash = 14_695_981_039_346_656_037UL;
        foreach (var b in bytes)
            hash = (hash ^ b) * 1_099_511_628_211UL;
        return hash;
    }
}
