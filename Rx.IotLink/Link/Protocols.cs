using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Protocol.Version2;

namespace Rx.IotLink;

/// <summary>Makes the protocols of one end of one link.</summary>
internal sealed class Protocols(LinkOptions options, Role role, string id)
{
    /// <summary>Client: the device's key, or null.</summary>
    public ReadOnlyMemory<byte>? Key { get; init; }

    /// <summary>The memory that outlives the process, or null.</summary>
    public ISessionStore? Store { get; init; }

    /// <summary>Where epochs and nonces come from.</summary>
    public required FillRandom Random { get; init; }

    public IProtocol Create(int version, Outbox outbox, IProtocolHost host) => version == 1
        ? new Version1Protocol(new Version1Settings(role, id, options.Timeout, options.MaxLineBytes), outbox, host)
        : new Version2Protocol(
            new Version2Settings
            {
                Role = role,
                Id = id,
                Timeout = options.Timeout,
                MaxLineBytes = options.MaxLineBytes,
                Window = Math.Min(options.InboxLines, SessionOffer.MaxWindow),
                Key = Key,
                Random = Random,
                Store = Store is null ? NoStore.Instance : new GuardedStore(Store),
            },
            outbox,
            host);

    /// <summary>The process's memory is the only one.</summary>
    private sealed class NoStore : ISessionStore
    {
        public static NoStore Instance { get; } = new();

        public SessionMemory? Load() => null;

        public void Begin(ulong epoch)
        {
        }

        public void Add(ulong number, string line)
        {
        }

        public void RemoveThrough(ulong number)
        {
        }

        public void Accept(ulong peerEpoch, ulong number)
        {
        }
    }
}
