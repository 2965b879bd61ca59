namespace Rx.IotLink.Server;

/// <summary>Counts since a server started, as a snapshot.</summary>
public sealed record ServerCounters
{
    /// <summary>Connections that exist now.</summary>
    public int Connections { get; init; }

    /// <summary>Those of them that have not finished their opening yet.</summary>
    public int Openings { get; init; }

    /// <summary>Connections that the socket accepted, also those that were refused.</summary>
    public long ConnectionsAccepted { get; init; }

    /// <summary>Connections that were refused, by the reason.</summary>
    public required IReadOnlyDictionary<Refusal, long> Refused { get; init; }

    /// <summary>
    /// Connections that ended without a byte, as the health checks of load balancers do: neither refused nor logged.
    /// </summary>
    public long SilentConnections { get; init; }

    /// <summary>
    /// Entries that were not logged, since the log threw an exception
    /// (<see cref="IotLinkServerOptions.LoggerFactory"/>).
    /// </summary>
    public long LogFailures { get; init; }

    /// <summary>
    /// How often code of the application threw where this server called it: the search for a key, what judges
    /// certificates, a session store, a handler of requests (<c>Respond</c>), an observer. Each is logged as an error;
    /// repeated ones are logged as one entry with their number. The peer gets no details of it.
    /// </summary>
    public long CallbackFailures { get; init; }

    /// <summary>
    /// Bytes that the links hold in their inboxes and outputs (<see cref="IotLinkServerOptions.MaxBufferedBytes"/>),
    /// the first KB of each left out.
    /// </summary>
    public long BufferedBytes { get; init; }

    /// <summary>
    /// How often a link was slowed, since it held its share of <see cref="IotLinkServerOptions.MaxBufferedBytes"/>.
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
    /// Connections of unknown devices that the server ended to make room for a known device, or for one from an address
    /// with fewer of them.
    /// </summary>
    public long ConnectionsTurnedAway { get; init; }
}
