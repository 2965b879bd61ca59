namespace Rx.IotLink.Server;

/// <summary>Counts since a server started: a snapshot.</summary>
public sealed record ServerCounters
{
    /// <summary>Connections that are there now.</summary>
    public int Connections { get; init; }

    /// <summary>Those of them that have not said their id yet.</summary>
    public int Openings { get; init; }

    /// <summary>Connections that were accepted by the socket, refused ones included.</summary>
    public long ConnectionsAccepted { get; init; }

    /// <summary>Connections that were refused, by the reason.</summary>
    public required IReadOnlyDictionary<Refusal, long> Refused { get; init; }

    /// <summary>
    /// Connections that ended without a byte, as the health checks of load balancers do: neither refused nor logged.
    /// </summary>
    public long SilentConnections { get; init; }

    /// <summary>
    /// Entries that were not logged, since the log threw at them (<see cref="IotLinkServerOptions.LoggerFactory"/>).
    /// </summary>
    public long LogFailures { get; init; }

    /// <summary>
    /// Bytes that the links hold in their inboxes and outputs (<see cref="IotLinkServerOptions.MaxBufferedBytes"/>),
    /// the first KB of each left out.
    /// </summary>
    public long BufferedBytes { get; init; }

    /// <summary>
    /// How often a link was slowed, since it held its part of <see cref="IotLinkServerOptions.MaxBufferedBytes"/>.
    /// </summary>
    public long LinksSlowed { get; init; }

    /// <summary>Devices that have connected at least once, and were not forgotten.</summary>
    public int Links { get; init; }

    /// <summary>
    /// Those of them that are unknown: neither expected nor proven (<see cref="IotLinkServerOptions.MaxUnknownIds"/>).
    /// </summary>
    public int UnknownIds { get; init; }

    /// <summary>Unknown devices that were forgotten to make room for others.</summary>
    public long UnknownIdsForgotten { get; init; }

    /// <summary>
    /// Connections of unknown devices that were ended to make room for one that is known, or comes from an address with
    /// fewer of them.
    /// </summary>
    public long ConnectionsTurnedAway { get; init; }
}
