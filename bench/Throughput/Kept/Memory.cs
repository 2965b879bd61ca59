namespace Throughput.Kept;

/// <summary>Where both ends of a link keep their memory.</summary>
internal enum Memory
{
    /// <summary>In the process: it ends with it.</summary>
    None,

    /// <summary>In a store that keeps it in memory too: what is measured is the journal alone.</summary>
    InMemory,

    /// <summary>In SQLite; a batch is kept when the operating system has it.</summary>
    SqliteNormal,

    /// <summary>In SQLite; a batch is kept when the disk has it.</summary>
    SqliteFull,
}
