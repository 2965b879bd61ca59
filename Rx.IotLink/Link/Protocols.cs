using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Protocol.Version2;

namespace Rx.IotLink;

/// <summary>Makes the protocols of one end of one link.</summary>
internal sealed class Protocols(LinkOptions options, Role role, string id)
{
    private bool loaded;
    private Version2Settings? settings;

    /// <summary>Client: the device's key, or null.</summary>
    public ReadOnlyMemory<byte>? Key { get; init; }

    /// <summary>Client: whether it speaks protocol 1 to a server that knows no other.</summary>
    public bool MayFallBack { get; init; }

    /// <summary>The memory that outlives the process, or null.</summary>
    public ISessionStore? Store { get; init; }

    /// <summary>Where epochs and nonces come from.</summary>
    public required FillRandom Random { get; init; }

    public IProtocol Create(int version, Outbox outbox, IProtocolHost host)
    {
        // The memory is loaded once. A protocol that comes later, since the device has changed its version, takes over what is unfinished, and begins a memory of its own.
        ISessionStore memory = Store is null ? NoStore.Instance : new GuardedStore(Store);
        var later = loaded && Store is not null;
        loaded = true;
        if (version == 2)
            return Version2(later ? new BegunAnew(memory) : memory, outbox, host);
        foreach (var line in later ? [] : memory.Load()?.Lines ?? [])
            outbox.Add(new OutLine(line, Utf8.ByteCount(line) ?? 0, Delivery.ExactlyOnce, Ordering.Ordered));
        return new Version1Protocol(new Version1Settings(role, id, options.Timeout, options.MaxLineBytes), outbox, host);
    }

    // The settings are made once where all links have the same: without a store, and (at a server) whatever their ids.
    private Version2Protocol Version2(ISessionStore store, Outbox outbox, IProtocolHost host) =>
        new(Store is null ? settings ??= Settings(store) : Settings(store), outbox, host);

    private Version2Settings Settings(ISessionStore store) => new()
    {
        Role = role,
        Id = id,
        Timeout = options.Timeout,
        MaxLineBytes = options.MaxLineBytes,
        Window = Math.Min(options.InboxLines, SessionOffer.MaxWindow),
        Key = Key,
        MayFallBack = MayFallBack,
        Random = Random,
        Store = store,
        IsKept = Store is not null,
    };

    /// <summary>A store whose memory is not to be loaded any more.</summary>
    private sealed class BegunAnew(ISessionStore store) : ISessionStore
    {
        public SessionMemory? Load() => null;

        public void Begin(ulong epoch) => store.Begin(epoch);

        public void Connect(ulong number) => store.Connect(number);

        public void Add(ulong number, string line) => store.Add(number, line);

        public void RemoveThrough(ulong number) => store.RemoveThrough(number);

        public void Accept(ulong peerEpoch, ulong number) => store.Accept(peerEpoch, number);
    }

    /// <summary>The process's memory is the only one.</summary>
    private sealed class NoStore : ISessionStore
    {
        public static NoStore Instance { get; } = new();

        public SessionMemory? Load() => null;

        public void Begin(ulong epoch)
        {
        }

        public void Connect(ulong number)
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
