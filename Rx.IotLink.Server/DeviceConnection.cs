using System.Net;

namespace Rx.IotLink.Server;

/// <summary>The state of one device at one moment: a row of the fleet.</summary>
public sealed record DeviceConnection
{
    /// <summary>The device's id.</summary>
    public required string Id { get; init; }

    /// <summary>Its link, which stays the same whatever happens to connections.</summary>
    public required ILink Link { get; init; }

    /// <summary>Whether it is up, since when, how often it came up, and why it is down.</summary>
    public required LinkState State { get; init; }

    /// <summary>
    /// The address of its last connection; null if its first connection is not served yet, or has no address.
    /// </summary>
    public EndPoint? RemoteEndPoint { get; init; }

    /// <summary>The version of the protocol it speaks: 2, or 1 (micropython-iot).</summary>
    public required int Protocol { get; init; }

    /// <summary>The counts of its link.</summary>
    public required LinkCounters Counters { get; init; }

    /// <summary>
    /// When its last line was complete, by the server's scheduler; null if no line came yet. Lines that were received
    /// together have the same time, since the server reads the clock once for all of them. Lines that came again, or
    /// found the inbox full, do not count.
    /// </summary>
    public DateTimeOffset? LastLineAt { get; init; }

    /// <summary>Whether lines flow.</summary>
    public bool IsUp => State.IsUp;

    /// <summary>Since when it is in its current state, by the server's scheduler.</summary>
    public DateTimeOffset Since => State.Since;

    internal static DeviceConnection Of(Link link)
    {
        var facts = link.Snapshot;
        return new()
        {
            Id = link.Id,
            Link = link,
            State = facts.State,
            RemoteEndPoint = facts.RemoteEndPoint,
            Protocol = facts.Protocol,
            Counters = facts.Counters,
            LastLineAt = facts.LastLineAt,
        };
    }
}
