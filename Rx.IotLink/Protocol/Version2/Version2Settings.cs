namespace Rx.IotLink.Protocol.Version2;

/// <summary>
/// The settings of protocol 2. Random values come from outside, so that a seed can repeat them.
/// </summary>
internal sealed record Version2Settings
{
    public required Role Role { get; init; }

    public required string Id { get; init; }

    /// <summary>Server: the timeout of both ends. Client: the timeout until the server sends its own.</summary>
    public required TimeSpan Timeout { get; init; }

    /// <summary>Client: the longest timeout that it accepts from a server; null: any.</summary>
    public TimeSpan? MaxTimeout { get; init; }

    /// <summary>The longest line this end is ready to receive.</summary>
    public required int MaxLineBytes { get; init; }

    /// <summary>The most unacknowledged lines this end is ready to receive.</summary>
    public required int Window { get; init; }

    /// <summary>Client: the device's key, or null on an open link.</summary>
    public ReadOnlyMemory<byte>? Key { get; init; }

    /// <summary>Client: whether it speaks protocol 1 to a server that knows no other.</summary>
    public bool MayFallBack { get; init; }

    /// <summary>Fills a span with random bytes.</summary>
    public required FillRandom Random { get; init; }

    /// <summary>Whether the memory is kept outside the process (<see cref="IProtocolHost.Save"/>).</summary>
    public bool IsKept { get; init; }
}

/// <summary>Fills a span with random bytes.</summary>
internal delegate void FillRandom(Span<byte> bytes);
