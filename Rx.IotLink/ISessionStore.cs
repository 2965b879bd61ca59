namespace Rx.IotLink;

/// <summary>
/// Keeps one end's memory of a protocol 2 session, so that it can outlive the process. Calls come under the link's lock, in order, and must be quick; what they
/// were told must be kept by the time they return. An exception ends the connection (<see cref="OutageReason.StoreFailed"/>), never a promise.
/// </summary>
/// <remarks>Without a store the memory lives as long as the process: a restart begins a new epoch, and the peer is told.</remarks>
public interface ISessionStore
{
    /// <summary>What is remembered, or null. Called once, before the first connection.</summary>
    SessionMemory? Load();

    /// <summary>A new memory begins under this epoch; everything before is forgotten.</summary>
    void Begin(ulong epoch);

    /// <summary>A client opens its connection of this number: the next is never lower, whatever becomes of this one.</summary>
    void Connect(ulong number);

    /// <summary>A line was given its number; it is sent after this returns, and again until it is acknowledged.</summary>
    void Add(ulong number, string line);

    /// <summary>The peer accepted all lines up to this number.</summary>
    void RemoveThrough(ulong number);

    /// <summary>All lines of the peer's epoch up to this number are accepted; acknowledged after this returns.</summary>
    void Accept(ulong peerEpoch, ulong number);
}

/// <summary>One end's memory of a session.</summary>
/// <param name="Epoch">64 random bits that name this memory.</param>
/// <param name="First">Number of the oldest unacknowledged line, or of the next one if there is none.</param>
/// <param name="Lines">The unacknowledged lines, oldest first.</param>
/// <param name="PeerEpoch">The peer's memory that was met last, or null.</param>
/// <param name="Accepted">The number of the last line accepted from it.</param>
/// <param name="Connections">The number of the client's last connection.</param>
public sealed record SessionMemory(ulong Epoch, ulong First, IReadOnlyList<string> Lines, ulong? PeerEpoch, ulong Accepted, ulong Connections = 0);
