namespace Rx.IotLink.Testing;

/// <summary>How a process ends.</summary>
public enum CrashKind
{
    /// <summary>The process dies and its machine continues: peers get RST, and new connections are refused.</summary>
    Killed,

    /// <summary>
    /// The machine loses its power: peers get no message and no answer. Peers that still send when it is back get RST
    /// then.
    /// </summary>
    PowerLost,

    /// <summary>The process closes its links and ends, without a wait for lines that are not accepted yet.</summary>
    Stopped,
}

/// <summary>
/// What a restarted process finds of the previous process's memory of the session (<see cref="ISessionStore"/>).
/// </summary>
public enum MemoryAfterCrash
{
    /// <summary>Nothing, as without a store.</summary>
    Lost,

    /// <summary>All that was written to the store.</summary>
    Kept,

    /// <summary>
    /// The content of the store when the process started: an old backup, or a disk that lost its writes.
    /// </summary>
    RolledBack,
}
