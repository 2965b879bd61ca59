using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Protocol.Version2;

namespace Rx.IotLink;

/// <summary>Makes the protocols of one end of one link.</summary>
internal sealed class Protocols(LinkOptions options, Role role, string id)
{
    private bool begun;
    private Version2Settings? settings;

    /// <summary>Client: the device's key, or null.</summary>
    public ReadOnlyMemory<byte>? Key { get; init; }

    /// <summary>Client: whether it speaks protocol 1 to a server that knows no other.</summary>
    public bool MayFallBack { get; init; }

    /// <summary>Whether the memory outlives the process.</summary>
    public bool IsKept { get; init; }

    /// <summary>What was kept of it, or null.</summary>
    public KeptSession? Kept { get; init; }

    /// <summary>Where epochs and nonces come from.</summary>
    public required FillRandom Random { get; init; }

    public IProtocol Create(int version, Outbox outbox, IProtocolHost host)
    {
        // A protocol that comes later, since the device has changed its version, takes over what is unfinished, and
        // begins a memory of its own.
        var kept = begun ? null : Kept;
        begun = true;
        kept?.PutInto(outbox);
        if (version == 2)
            return Version2(kept?.Memory, outbox, host);
        return new Version1Protocol(new Version1Settings(role, id, options.Timeout, options.MaxLineBytes), outbox, host);
    }

    // The settings are made once where all links have the same: without a store, and (at a server) whatever their ids.
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
        Random = Random,
        IsKept = IsKept,
        Memory = memory,
    };
}
