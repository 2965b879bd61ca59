using Rx.IotLink;

namespace Fuzz.Targets;

/// <summary>
/// A link takes whatever its protocol throws, other than what the peer did wrong, for a broken connection: so does this
/// find what it must never throw.
/// </summary>
internal static class Outages
{
    private static readonly string[] Known =
    [
        MemoryConnection.Broken, "this end's memory was rolled back; a new one begins", "an unacknowledged line must have at most",
    ];

    public static void Check(LinkState state)
    {
        if (state.Outage is { Reason: OutageReason.ConnectionLost } outage && !Array.Exists(Known, k => outage.Detail.StartsWith(k, StringComparison.Ordinal)))
            throw new BrokenPromiseException($"a connection was lost for a reason of this end's own: {outage.Detail}");
    }
}
