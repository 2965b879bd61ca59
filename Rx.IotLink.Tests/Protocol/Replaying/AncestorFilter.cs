namespace Rx.IotLink.Tests.Protocol.Replaying;

/// <summary>
/// The duplicate filter of the ancestor, which both of its ends have: a map of 32 bytes. It shows what the recorded
/// applications were given, which the captures do not hold.
/// </summary>
internal sealed class AncestorFilter
{
    private readonly byte[] map = new byte[32];

    /// <summary>Whether the ancestor hands on a message with this mid.</summary>
    public bool IsNew(byte mid)
    {
        if (mid == 0)
            Array.Clear(map);
        var bit = 1 << (mid & 7);
        var isNew = (map[mid >> 3] & bit) == 0;
        map[mid >> 3] |= (byte)bit;
        map[((mid >> 3) + 16) & 31] = 0;
        return isNew;
    }
}
