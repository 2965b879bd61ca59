namespace Rx.IotLink.Testing;

/// <summary>How a process comes to its end.</summary>
public enum CrashKind
{
    /// <summary>The process dies and its machine lives on: peers are told (RST), new connections are refused.</summary>
    Killed,

    /// <summary>
    /// The machine loses its power: nobody is told, nobody answers. Peers that still send once it is back are told then
    /// (RST).
    /// </summary>
    PowerLost,

    /// <summary>The process closes its links and leaves, without waiting for what is still to be accepted.</summary>
    Stopped,
}

/// <summary>
/// What a process that starts again finds of its predecessor's memory of the session (<see cref="ISessionStore"/>).
/// </summary>
public enum MemoryAfterCrash
{
    /// <summary>Nothing: as with a process that keeps no memory outside itself.</summary>
    Lost,

    /// <summary>All that the store was told.</summary>
    Kept,

    /// <summary>What the store held when the process started: an old backup, a disk that lied.</summary>
    RolledBack,
}
