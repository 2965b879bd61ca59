using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Protocol.Version2;

namespace Rx.IotLink;

/// <summary>Makes the protocols of one end of one link.</summary>
internal sealed class ProtocolFactory(LinkOptions options, Role role, string id)
{
    private bool begun;
    private Version2Settings? settings;

    /// <summary>Client: the device's key, or null.</summary>
    public ReadOnlyMemory<byte>? Key { get; init; }

    /// <summary>Client: whether it speaks protocol 1 to a server that knows no other.</summary>
    public bool MayFallBack { get; init; }

    /// <summary>Client: the longest timeout that it accepts from a server; null: any.</summary>
    public TimeSpan? MaxTimeout { get; init; }

    /// <summary>Whether a store keeps the memory.</summary>
    public bool IsKept { get; init; }

    /// <summary>The kept memory, or null.</summary>
    public KeptSession? Kept { get; init; }

    /// <summary>
    /// The version with which a link begins if its peer will speak this version. Only protocol 2 can load a kept
    /// memory; protocol 1 then takes over its lines.
    /// </summary>
    public int FirstFor(int version) => Kept is { Memory.Epoch: not null } ? 2 : version;

    /// <summary>The source of epochs and nonces.</summary>
    public required FillRandom Random { get; init; }

    /// <summary>
    /// Makes a protocol. For a link with a kept memory each version is made at most once, since it continues that
    /// memory.
    /// </summary>
    public IProtocol Create(int version, Outbox outbox, IProtocolHost host)
    {
        if (!begun)
            Kept?.PutInto(outbox);
        begun = true;
        return version == 2
            ? Version2(Kept?.Memory, outbox, host)
            : new Version1Protocol(new Version1Settings(role, id, options.Timeout, options.MaxLineBytes), outbox, host);
    }

    // The settings are made once if all links have the same: without a store, and (at a server) for any id.
    private Version2Protocol Version2(SessionMemory? memory, Outbox outbox, IProtocolHost host) =>
        new(IsKept ? Settings(memory) : settings ??= Settings(memory: null), outbox, host);

    private Version2Settings Settings(SessionMemory? memory) => new()
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
        Memory = memory,
    };
}
