using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Protocol.Version2;

namespace Rx.IotLink;

/// <summary>Makes the protocols of one end: of one client, or of all links of a server.</summary>
/// <param name="options">The options of this end.</param>
/// <param name="role">Which end it is.</param>
/// <param name="id">The id of a client; a server learns that of its peer from the peer.</param>
internal sealed class ProtocolFactory(LinkOptions options, Role role, string id = "")
{
    private Version2Settings? settings;

    /// <summary>Client: the device's key, or null.</summary>
    public ReadOnlyMemory<byte>? Key { get; init; }

    /// <summary>Client: whether it speaks protocol 1 to a server that knows no other.</summary>
    public bool MayFallBack { get; init; }

    /// <summary>Client: the longest timeout that it accepts from a server; null: any.</summary>
    public TimeSpan? MaxTimeout { get; init; }

    /// <summary>Whether a store keeps the memory.</summary>
    public bool IsKept { get; init; }

    /// <summary>The source of epochs and nonces.</summary>
    public required FillRandom Random { get; init; }

    // The same for all links: thousands of them hold it.
    private Version2Settings Settings => settings ??= new()
    {
        Role = role,
        Id = id,
        Timeout = options.Timeout,
        MaxLineBytes = options.MaxLineBytes,
        Window = Math.Min(options.InboxLines, SessionOffer.MaxWindow),
        Key = Key,
        MayFallBack = MayFallBack,
        MaxTimeout = MaxTimeout,
        Random = Random,
        IsKept = IsKept,
    };

    /// <summary>
    /// Makes a protocol. It continues the memory, if one is given: only the first protocol of a link may.
    /// </summary>
    public IProtocol Create(int version, Outbox outbox, IProtocolHost host, SessionMemory? memory) => version == 2
        ? new Version2Protocol(Settings, outbox, host, memory)
        : new Version1Protocol(new Version1Settings(role, id, options.Timeout, options.MaxLineBytes), outbox, host);
}
