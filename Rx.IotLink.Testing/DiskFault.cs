namespace Rx.IotLink.Testing;

/// <summary>
/// What is wrong with a disk, on which a machine keeps its memory of sessions (<see cref="MemorySessionStore"/>).
/// </summary>
public enum DiskFault
{
    /// <summary>Nothing can be written: each call throws.</summary>
    Fails,

    /// <summary>It is full: what makes the memory longer throws (a beginning, a line); all else is kept.</summary>
    Full,

    /// <summary>It keeps what is written, and then throws: what failed is there, and is written again.</summary>
    FailsLate,

    /// <summary>
    /// It is slow: each write takes 200 ms longer, and what comes meanwhile is written together. What a crash finds on
    /// its way is not kept.
    /// </summary>
    Slow,

    /// <summary>
    /// It lies: what is written seems to be kept, and is gone if the machine loses its power meanwhile. This breaks the
    /// promise that a store makes; both ends are told of the memory that is older than it should be.
    /// </summary>
    LosesLastWrites,
}
