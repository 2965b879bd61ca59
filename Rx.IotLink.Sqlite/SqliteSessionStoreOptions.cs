namespace Rx.IotLink.Sqlite;

/// <summary>The options of a <see cref="SqliteSessionStore"/>.</summary>
public sealed class SqliteSessionStoreOptions
{
    /// <summary>
    /// The database file. It is made if it is not there; its folder must be. Beside it are <c>-wal</c>, <c>-shm</c> and
    /// <c>.lock</c>. It must be on a disk of this machine: SQLite's locks do not work on network drives.
    /// </summary>
    public required string Path { get; init; }

    /// <summary>
    /// When a batch counts as kept. Default <see cref="SqliteDurability.Full"/>: nothing that was kept is lost.
    /// </summary>
    public SqliteDurability Durability { get; init; } = SqliteDurability.Full;

    /// <summary>
    /// The most bytes that the database file may have; null: as many as the disk has. At least 1 MiB. A batch that does
    /// not fit fails with <see cref="SessionStoreFault.Full"/>. The <c>-wal</c> file is not counted. Default null.
    /// </summary>
    public long? MaxBytes { get; init; }

    /// <summary>
    /// How long a call waits for another program that has the database locked (the <c>sqlite3</c> shell, for example)
    /// before it fails with <see cref="SessionStoreFault.InUse"/>. 0 to 60 seconds, default 5 seconds.
    /// </summary>
    public TimeSpan BusyTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Whether the whole file is read and checked when it is opened: its structure, and the checksum of each row.
    /// Takes a few seconds a gigabyte. False: only the header and the tables are checked, and each row when it is read.
    /// A damaged index is not found then, and a device may look as if the store had never known it. Default true.
    /// </summary>
    public bool CheckAtOpen { get; init; } = true;

    /// <summary>
    /// The most lines of <see cref="SqliteFleet"/> that wait for a device, before its link has taken them. 1 to
    /// 1,000,000, default 10,000.
    /// </summary>
    public int FleetLines { get; init; } = 10_000;

    /// <summary>
    /// Whether the lines that devices send are kept in the inbox of the fleet, in the commit that accepts them. A
    /// device is then done with its line, and consumers take it from there (<see cref="SqliteFleet.Process"/>,
    /// <see cref="SqliteFleet.Lines"/>), also after the process has died. An observer of the link gets the lines that
    /// come while it observes, before they are accepted. Default false: lines wait until the application accepts them.
    /// </summary>
    public bool Inbox { get; init; }

    /// <summary>
    /// How long a line stays in the inbox at least, also when all consumers have had it, so that a new consumer finds
    /// it. 0 to 10 years; default 1 day. A line that a consumer has not had is never deleted:
    /// <see cref="SqliteFleet.ForgetConsumerAsync"/> removes a consumer that nobody needs any more.
    /// </summary>
    public TimeSpan InboxFor { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Checks each option.</summary>
    /// <exception cref="ArgumentException">An option is out of range, or missing.</exception>
    internal void Validate()
    {
        Require.NotNull(Path, nameof(Path));
        if (Path.Length == 0 || Path.Contains('\0', StringComparison.Ordinal))
            Require.NotFaulty("does not name a file", Protocol.Printable.Of(Path), nameof(Path));
        Require.Defined(Durability, nameof(Durability));
        Require.InRange(BusyTimeout, TimeSpan.Zero, TimeSpan.FromSeconds(60), nameof(BusyTimeout));
        Require.InRange(FleetLines, 1, 1_000_000, nameof(FleetLines));
        Require.InRange(InboxFor, TimeSpan.Zero, TimeSpan.FromDays(3_650), nameof(InboxFor));
        if (MaxBytes is { } bytes)
            Require.InRange(bytes, 1L << 20, long.MaxValue, nameof(MaxBytes));
    }
}

/// <summary>When a batch counts as kept.</summary>
public enum SqliteDurability
{
    /// <summary>
    /// When the disk says that it has it (<c>synchronous=FULL</c>). Outlives the death of the process, of the system
    /// and of the power, as far as the disk is honest.
    /// </summary>
    Full,

    /// <summary>
    /// When the operating system has it (<c>synchronous=NORMAL</c>). Outlives the death of the process. When the system
    /// or the power fails, the last batches may be lost, though they were reported as kept: lines may then be lost or
    /// come twice. The file stays whole. Many times faster on slow disks.
    /// </summary>
    Normal,
}
