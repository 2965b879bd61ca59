namespace Rx.IotLink;

/// <summary>
/// Keeps one end's memory of a protocol 2 session, so that it can outlive the process. What a call was told must be
/// kept by the time it returns: only then is sent, or acknowledged, what depends
/// on it.
/// </summary>
/// <remarks>
/// <para>
/// Calls come one at a time and in order, on threads that are there for stores alone, and under no lock: a store that
/// takes its time, or blocks, holds up what its own link must keep, and
/// nothing else. At most 256 stores can block at the same time before others wait. With a <see
/// cref="LinkOptions.Scheduler"/> other than the default one, calls come on its thread.
/// </para>
/// <para>
/// A call that throws is made again with the same values until it returns, with pauses from 100 ms to 10 s, and no
/// other comes before: so a store must bear to be told the same twice. Meanwhile
/// the link is down (<see cref="OutageReason.StoreFailed"/>). When a link is closed, what is left is tried once more.
/// No promise is broken by any of it.
/// </para>
/// <para>
/// Several calls may be told as one: accepting, removing, and the number of a connection, tell the latest number
/// alone.
/// </para>
/// <para>
/// Without a store the memory lives as long as the process: a restart begins a new epoch, and the peer is told.
/// </para>
/// </remarks>
public interface ISessionStore
{
    /// <summary>
    /// What is remembered, or null. Called once, before the first connection. An exception, or a wait, keeps the
    /// device out that it is for: a client does not start, a server refuses the connection.
    /// </summary>
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
