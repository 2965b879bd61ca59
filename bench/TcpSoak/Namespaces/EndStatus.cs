using Rx.IotLink.Testing;

namespace TcpSoak.Namespaces;

/// <summary>The report of an end in another process, one line of JSON a second.</summary>
internal sealed record EndStatus
{
    /// <summary>Outages so far, over all links.</summary>
    public long Outages { get; init; }

    /// <summary>Connections ended because the peer broke its protocol.</summary>
    public long ProtocolErrors { get; init; }

    /// <summary>Whether it writes no more and all it wrote was accepted.</summary>
    public bool IsDrained { get; init; }

    /// <summary>The lines of each device; only at the end.</summary>
    public IReadOnlyDictionary<string, EndSums>? Lines { get; init; }
}

/// <summary>One end's half of the lines of a device.</summary>
internal sealed record EndSums(DeliveryVerdict ToServer, DeliveryVerdict ToDevice);
