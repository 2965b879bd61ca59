namespace Rx.IotLink.Protocol.Version1;

/// <summary>
/// Lines that came so soon after 00 that the peer could not have the acknowledgement of 00 yet. They wait, in order and
/// with all later lines, until the peer has shown that it has the acknowledgement. If they were taken at once, and the
/// peer restarted at this moment with the same lines, its new lines would look like repetitions.
/// </summary>
internal sealed class HeldLines
{
    /// <summary>
    /// The most lines and bytes that are held. Further lines are not taken, and come again if they are exactly once.
    /// </summary>
    private const int MaxLines = 256;
    private const int MaxBytes = 65_536;

    private readonly Queue<(byte Mid, byte[] Payload)> lines = new();
    public int Bytes { get; private set; }

    public bool Any => lines.Count > 0;

    /// <summary>Whether a line of this id is held.</summary>
    public bool Holds(byte mid) => lines.Any(l => l.Mid == mid);

    /// <summary>Holds a line. False: there is no room.</summary>
    public bool TryAdd(byte mid, ReadOnlySpan<byte> payload)
    {
        if (lines.Count == MaxLines || Bytes + payload.Length > MaxBytes)
            return false;
        lines.Enqueue((mid, payload.ToArray()));
        Bytes += payload.Length;
        return true;
    }

    /// <summary>Gives all of them, oldest first.</summary>
    public (byte Mid, byte[] Payload)[] TakeAll()
    {
        var taken = lines.ToArray();
        Clear();
        return taken;
    }

    public void Clear()
    {
        lines.Clear();
        Bytes = 0;
    }
}
