namespace Rx.IotLink.Testing;

/// <summary>
/// The fault of a disk on which a machine keeps its memory of sessions (<see cref="MemorySessionStore"/>).
/// </summary>
public enum DiskFault
{
    /// <summary>No write works: each call throws.</summary>
    Fails,

    /// <summary>
    /// It is full: a record that makes the memory longer throws (a new epoch, a line); all others are kept.
    /// </summary>
    Full,

    /// <summary>It keeps a write, and then throws: the failed batch is there, and is written again.</summary>
    FailsLate,

    /// <summary>
    /// It is slow: each write takes 200 ms longer, and records that come meanwhile are written together. A write that a
    /// crash interrupts is not kept.
    /// </summary>
    Slow,

    /// <summary>
    /// It lies: a write seems to be kept, but is lost if the machine loses its power meanwhile. This breaks the promise
    /// of a store; at both ends a notice reports that the memory is too old.
    /// </summary>
    LosesLastWrites,
}
