using Rx.IotLink;
using Rx.IotLink.Testing.Tcp;

namespace TcpSoak.Ends;

/// <summary>What a soak does.</summary>
internal sealed record SoakPlan
{
    /// <summary>Devices, each with its own link and its own proxy.</summary>
    public int Links { get; init; } = 64;

    /// <summary>Outages after which it ends, as the devices count them.</summary>
    public long Outages { get; init; } = 10_000;

    /// <summary>How long it lasts at most.</summary>
    public TimeSpan Length { get; init; } = TimeSpan.FromMinutes(20);

    /// <summary>The wire protocol.</summary>
    public int Protocol { get; init; } = 2;

    /// <summary>Whether each device has a key (protocol 2).</summary>
    public bool Keys { get; init; }

    /// <summary>Silence after which an end declares an outage.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMilliseconds(400);

    /// <summary>Which faults, and how long.</summary>
    public int Seed { get; init; }

    /// <summary>How long the last lines may take once nothing disturbs them.</summary>
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Hurried, since an outage that lasts teaches nothing more.</summary>
    public BackOff BackOff => new() { Initial = Timeout / 8, Cap = Timeout };

    /// <summary>Faults as fast as they can be distinguished.</summary>
    public TcpFaultMix Mix => new()
    {
        LeastPeace = Timeout * 0.3,
        MostPeace = Timeout * 1.5,
        ShortestStall = Timeout * 2.2,
        LongestStall = Timeout * 4,
        LongestAway = Timeout * 2,
        LongestTail = Timeout / 4,
    };
}
